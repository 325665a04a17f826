"""What somebody has: a task, pictures, a machine; said, or seen in a folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from nirgan.data.index import Data
from nirgan.data.open import open_data
from nirgan.data.pictures import Side
from nirgan.data.sample import Pairing, Task
from nirgan.data.sizes import size_of
from nirgan.data.told import told
from nirgan.errors import NirganError

Pairs = Literal["registered", "unregistered", "none"]
PAIRS: tuple[Pairs, ...] = ("registered", "unregistered", "none")
Machine = Literal["cpu", "gpu"]

_BOTH: tuple[Side, ...] = ("source", "target")


@dataclass(frozen=True)
class Situation:
    """What somebody has.

    Attributes:
        task: What they want.
        pairs: What belongs to what: pixel (x, y) is the same point, only the scene is the same, or nothing.
        count: Pairs; without partners, pictures of the side that has fewer; for ``gray2rgb``, colour pictures.
        machine: Where they train.
        data: What ``--data`` names, none if nobody said where the pictures are.
        short_side: Shortest side of all pictures in pixels, None if nobody looked.
        stated: Whether ``pairs`` is what somebody said, and not what the data's layout says.
    """

    task: Task
    pairs: Pairs
    count: int
    machine: Machine = "cpu"
    data: tuple[str, ...] = ()
    short_side: int | None = None
    stated: bool = True

    @property
    def words(self) -> str:
        """The same in words."""
        what = "colour pictures" if self.task == "gray2rgb" else "of each side without partners"
        if self.task == "nir2rgb" and self.pairs != "none":
            what = f"{self.pairs} pairs"
        return f"{self.task}, {self.count} {what}, {'a GPU' if self.machine == 'gpu' else 'a CPU'}"


def look_at(
    specs: Sequence[str], *, task: Task, machine: Machine, pairs: Pairs | None = None, count: int | None = None
) -> Situation:
    """Look at folders or cards: names and headers, nothing is decoded.

    Args:
        specs: As ``open_data`` takes them, at least one.
        task: What somebody wants.
        machine: Where they train.
        pairs: What somebody says, over what the layout says.
        count: The same, over what is counted.

    Raises:
        NirganError: as ``open_data``.
    """
    pairing = None if pairs is None else "unpaired" if pairs == "none" else pairs
    data = open_data(specs, task=task, pairing=pairing, make_split=False, count_channels=False)
    return Situation(
        task=task,
        pairs=pairs or _pairs_of(data),
        count=_count(data) if count is None else count,
        machine=machine,
        data=tuple(specs),
        short_side=min(_short_sides(data), default=None),
        stated=pairs is not None,
    )


def _pairs_of(data: Data) -> Pairs:
    named: dict[Pairing, Pairs] = {Pairing.REGISTERED: "registered", Pairing.UNREGISTERED: "unregistered"}
    return named.get(data.pairing, "none")


def _count(data: Data) -> int:
    if data.pairing == Pairing.UNPAIRED and data.task == "nir2rgb":
        return min(len(data.sources()), len(data.targets()))
    return len(data.pairs())


def _short_sides(data: Data) -> Iterable[int]:
    sides: tuple[Side, ...] = ("target",) if data.task == "gray2rgb" else _BOTH
    for record in told(data.all_records, "reading the sizes of pictures"):
        for side in sides:
            try:
                size = size_of(record, side)
            except NirganError:  # training will leave the file out, and say so
                continue
            if size is not None:
                yield min(size)
