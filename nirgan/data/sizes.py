"""Sizes of pictures from their headers, so that what cannot be trained on is refused before training starts."""

from __future__ import annotations

from collections.abc import Iterable

from nirgan.data.files import picture_shape
from nirgan.data.index import Record, different_sizes
from nirgan.data.pictures import RENDERED_HEIGHT, RENDERED_WIDTH, Side
from nirgan.data.sample import Pairing
from nirgan.errors import NirganError

Size = tuple[int, int]


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
    return height, width if record.region == "whole" else width // 2


def check_sizes(records: Iterable[Record], crop: int) -> None:
    """Refuse registered pairs of two sizes, and training pictures smaller than the crop.

    Files with broken headers pass: training replaces and reports them.

    Raises:
        NirganError: naming the first five pairs, or the smallest picture and the crop that would work.
    """
    unequal: list[tuple[Record, Size, Size]] = []
    small: list[tuple[Size, Record]] = []
    for record in records:
        try:
            sizes = size_of(record, "source"), size_of(record, "target")
        except NirganError:
            continue
        source, target = sizes
        if source and target and source != target and record.pairing == Pairing.REGISTERED:
            unequal.append((record, source, target))
        if record.split == "train":
            small += [(size, record) for size in sizes if size and min(size) < crop]
    if unequal:
        raise NirganError(different_sizes(unequal))
    if small:
        (height, width), record = min(small, key=lambda item: min(item[0]))
        side = min(height, width)
        works = side - side % 16 or side
        raise NirganError(
            f"{len({record.key for _, record in small})} training pictures are smaller than the crop of {crop}, the "
            f"smallest is {record.path} ({width}×{height}): use --crop {works}, or leave the small ones out"
        )
