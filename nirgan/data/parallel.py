"""The same work on many files in several processes, results in order, never many of them in memory."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from nirgan.errors import NirganError

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 4
"""Items per process that are handed out before their results are asked for."""
_MOST = 16
"""Processes that are started unasked: each holds torch, about 0.3 GB."""


def processes_for(items: int, least: int, workers: int | None = None) -> int:
    """How many processes share a work; 0 for none but this one.

    Args:
        items: What is to be worked on.
        least: Items that keep a process busy for as long as it takes to start.
        workers: As somebody chose; None leaves it to the number of items and to the cores that this process may use.
    """
    if workers is not None:
        return min(workers, items)
    worth = min(_cores(), _MOST, items // least)
    return worth if worth > 1 else 0


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # a batch system may have given this process a few cores of many
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_processes(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Results of ``work`` on each item, in the items' order.

    Args:
        work: A function of a module, or a frozen dataclass with ``__call__``: it is pickled for new processes. What may
            fail should return its failure, because an exception ends all.
        items: Read as they are needed.
        workers: Processes; 0 works here.

    Raises:
        NirganError: if the system has killed a process.
    """
    if not workers:
        yield from map(work, items)
        return
    # Spawned on every system: a process that has run torch or OpenCV threads must not be forked.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= _AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise NirganError(
                "a worker process was killed, most often for want of memory; run it again with fewer: --workers 1"
            ) from None
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()

    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever: it holds the other end of its queue itself."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
