"""Share files over the processes that a launcher such as ``torchrun`` started, and bring their results together."""

from __future__ import annotations

import atexit
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch.distributed as dist

from nirgan.errors import NirganError

Row = TypeVar("Row")

_PATIENCE = timedelta(days=7)  # the others may have larger pictures; one that dies is noticed at once


def this_process() -> tuple[int, int]:
    """(rank, number of processes) as a launcher says in RANK and WORLD_SIZE; (0, 1) without one.

    A process's share of a list is ``items[rank::world]``: shares differ by one item at most, and none is padded.

    Raises:
        NirganError: if the two variables contradict each other.
    """
    rank, world = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    if rank is None or world is None:
        return 0, 1
    if not (rank.isdecimal() and world.isdecimal() and int(rank) < int(world)):
        raise NirganError(f"RANK is '{rank}' and WORLD_SIZE '{world}': start with torchrun, or unset both")
    return int(rank), int(world)


def gather(rows: Sequence[Row]) -> list[Row]:
    """The rows of all processes on each of them, in the order of one process; every process must call this.

    Args:
        rows: One for each item of this process's share, in its order.

    Raises:
        NirganError: if the processes cannot find each other, or one of them has ended.
    """
    _, world = this_process()
    if world == 1:
        return list(rows)
    shares: list[Any] = [None] * world
    try:
        if not dist.is_initialized():
            dist.init_process_group("gloo", timeout=_PATIENCE)
            atexit.register(dist.destroy_process_group)
        dist.all_gather_object(shares, list(rows))
    except (ValueError, RuntimeError) as error:
        reason = next(iter(str(error).splitlines()), "")
        raise NirganError(f"no connection to the other processes ({reason}); start all with torchrun") from error
    return [shares[index % world][index // world] for index in range(sum(map(len, shares)))]
