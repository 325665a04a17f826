"""Sizes of pictures from their headers, so that what cannot be trained on is refused before training starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nirgan.data.files import picture_shape
from nirgan.data.index import Record, different_sizes
from nirgan.data.pictures import RENDERED_HEIGHT, RENDERED_WIDTH, Side
from nirgan.data.regions import part_size
from nirgan.data.sample import Pairing
from nirgan.data.told import told
from nirgan.errors import NirganError

Size = tuple[int, int]
"""Height and width."""
Fitting = Callable[[int], int]
"""The largest crop that can be trained at within a picture of so short a side; 0 for none."""


def size_of(record: Record, side: Side) -> Size | None:
    """(height, width) of one side of a record, from the header; None if it has no such side.

    Raises:
        NirganError: if the header cannot be read.
    """
    if record.rendered is not None:
        return RENDERED_HEIGHT, RENDERED_WIDTH
    path = record.source if side == "source" else record.target
    if path is None:
        return None
    height, width, _ = picture_shape(path)
    return part_size(height, width, record.region)


def target_scale(record: Record) -> float:
    """Pixels of a record's target for one of its source, as far as sizes tell; 1 unless its cameras are unregistered.

    The smaller of the ratios of heights and of widths: a square that fits into the source fits, so much larger, into
    the target.

    Raises:
        NirganError: if a header cannot be read.
    """
    if record.pairing != Pairing.UNREGISTERED:
        return 1.0
    source, target = size_of(record, "source"), size_of(record, "target")
    return min(target[0] / source[0], target[1] / source[1]) if source and target else 1.0


def may_be_compared(record: Record) -> bool:
    """Whether pixels of a pair's two pictures could be compared: all but unregistered pairs of two sizes.

    Pairs with broken headers may: whoever reads them reports them.
    """
    if record.pairing != Pairing.UNREGISTERED:
        return True
    try:
        return size_of(record, "source") == size_of(record, "target")
    except NirganError:
        return True


def sixteens(side: int) -> int:
    """The crop that fits into a picture where nothing is known of what is trained on it."""
    return side - side % 16 or side


def check_sizes(records: Sequence[Record], crop: int, fitting: Fitting = sixteens) -> None:
    """Refuse registered pairs of two sizes, and training pictures smaller than the crop.

    Files with broken headers pass: training replaces and reports them. So do targets of unregistered pairs, which are
    cut at their own scale (``window``).

    Args:
        records: Of all splits.
        crop: Side of the training crop.
        fitting: What to advise instead.

    Raises:
        NirganError: naming the first five pairs, or the smallest picture and the crop that would work.
    """
    unequal: list[tuple[Record, Size, Size]] = []
    small: list[tuple[Size, Record]] = []
    for record in told(records, "reading the sizes of pictures"):
        try:
            sizes = size_of(record, "source"), size_of(record, "target")
        except NirganError:
            continue
        source, target = sizes
        if source and target and source != target and record.pairing == Pairing.REGISTERED:
            unequal.append((record, source, target))
        if record.split == "train":
            cut_alike = sizes[:1] if source and record.pairing == Pairing.UNREGISTERED else sizes
            small += [(size, record) for size in cut_alike if size and min(size) < crop]
    if unequal:
        raise NirganError(different_sizes(unequal))
    if small:
        (height, width), record = min(small, key=lambda item: min(item[0]))
        side = min(height, width)
        works = fitting(side)
        advice = f"use --crop {works}, or" if works else "no crop so small works with these options:"
        raise NirganError(
            f"{len({record.key for _, record in small})} training pictures are smaller than the crop of {crop}, the "
            f"smallest is {record.path} ({width}×{height}): {advice} leave the small ones out"
        )
