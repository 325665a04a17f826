"""Look at one pair: decode it once and keep a small record of what was seen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nirgan.data.convert import to_source
from nirgan.data.duplicates import Fingerprint, fingerprint_of
from nirgan.data.files import Picture
from nirgan.data.index import Data, Record
from nirgan.data.inspection.mixture import mixture
from nirgan.data.pictures import Side, read_chosen
from nirgan.data.sample import Pairing
from nirgan.data.shrink import own_white, shrink
from nirgan.errors import NirganError
from nirgan.registration.offset import measure_offset

SIDES: tuple[Side, ...] = ("source", "target")
LONGEST = 512
"""Pixels of the longer side at which the two pictures of a pair are compared."""
_SHORTEST = 32
"""Pixels of the shorter side; on less, what is measured as a shift is chance."""
_DIGITS = 2
"""Of a shift in pixels: those behind change with where in memory a picture lies, and mean nothing."""
LEAST_CONFIDENCE = 0.5
"""Below, a shift is not to be believed (``nirgan.registration.offset``)."""


@dataclass(frozen=True, slots=True)
class SideLook:
    """What was seen in one picture.

    Attributes:
        height: Rows.
        width: Columns.
        channels: Colour channels or bands; 1 of a source whose band was chosen.
        type: Of its stored numbers: ``uint8``, ``uint16`` or ``float32``.
        type_maximum: Largest value that the file's type can hold; 1.0 of float files.
        declared: Full scale by the file's own metadata.
        largest: Largest stored value.
        used_bits: Bits that are set in any stored value; 0 of float files.
        at_largest: Share of pixels with the largest value in some channel.
        channels_differ: Whether it has three channels that do not count as one.
        fingerprint: Tells copies.
    """

    height: int
    width: int
    channels: int
    type: str
    type_maximum: float
    declared: float | None
    largest: float
    used_bits: int
    at_largest: float
    channels_differ: bool
    fingerprint: Fingerprint

    @property
    def blank(self) -> bool:
        """Whether all of it is one colour."""
        return not self.fingerprint.exact


@dataclass(frozen=True, slots=True)
class PairLook:
    """What was seen in two pictures of one size together.

    Attributes:
        correlation: Of the source with the target's luma; None if either is blank.
        fit: Correlation with the best weighted sum of the target's colours.
        residual: Root mean square of what that sum leaves over, in parts of white.
        x: Columns by which the source lies beside the target, at full size; None for pictures too small to say.
        y: Rows.
        confidence: 0 to 1; below 0.5, x and y mean nothing.
    """

    correlation: float | None
    fit: float | None
    residual: float | None
    x: float | None
    y: float | None
    confidence: float | None

    @property
    def shift_px(self) -> float | None:
        """Length of the shift in pixels; None if it cannot be believed."""
        if self.x is None or self.y is None or self.confidence is None or self.confidence < LEAST_CONFIDENCE:
            return None
        return float(np.hypot(self.x, self.y))


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen of one record.

    Attributes:
        source: None where there is none, or it cannot be read.
        target: The same.
        pair: None where the two are no pair of one size.
        failed: Why a side cannot be read, with the file's name.
    """

    source: SideLook | None
    target: SideLook | None
    pair: PairLook | None
    failed: dict[Side, str]

    def sides(self) -> list[tuple[Side, SideLook]]:
        """What was seen, by side."""
        both: list[tuple[Side, SideLook | None]] = [("source", self.source), ("target", self.target)]
        return [(side, seen) for side, seen in both if seen]


@dataclass(frozen=True)
class Looker:
    """Looks at records; a function that travels to other processes.

    Attributes:
        data: Reads the pictures; needs no records of its own.
    """

    data: Data

    def __call__(self, record: Record) -> Look:
        """Decode both sides of a record; a side that cannot be read is noted."""
        pictures: dict[Side, Picture] = {}
        failed: dict[Side, str] = {}
        for side in sides_of(record):
            try:
                pictures[side] = read_chosen(self.data, record, side)
            except NirganError as error:
                failed[side] = str(error)
        seen = {side: look_at_side(picture, side) for side, picture in pictures.items()}
        pair = look_at_pair(pictures) if record.pairing != Pairing.UNPAIRED and len(pictures) == 2 else None
        return Look(seen.get("source"), seen.get("target"), pair, failed)


def sides_of(record: Record) -> list[Side]:
    """The sides that a record has a picture of."""
    there = {"source": record.has_source_file, "target": record.has_target}
    return [side for side in SIDES if there[side]]


def look_at_side(picture: Picture, side: Side) -> SideLook:
    """Measure one decoded picture."""
    pixels = picture.pixels
    height, width, channels = pixels.shape
    whole_numbers = pixels.dtype.kind == "u"
    largest = pixels.max()
    return SideLook(
        height=height,
        width=width,
        channels=channels,
        type=str(pixels.dtype),
        type_maximum=float(picture.type_maximum or (np.iinfo(pixels.dtype).max if whole_numbers else 1.0)),
        declared=picture.full_scale,
        largest=float(largest),
        used_bits=int(np.bitwise_or.reduce(pixels, axis=None)) if whole_numbers else 0,
        at_largest=float((pixels == largest).any(axis=2).mean()),
        # Of a target no training asks this, so its small version will do.
        channels_differ=_channels_differ(picture, pixels if side == "source" else shrink(pixels, LONGEST)),
        fingerprint=fingerprint_of(pixels),
    )


def look_at_pair(pictures: dict[Side, Picture]) -> PairLook | None:
    """Compare a source and a target; None if their sizes differ."""
    full, other = (pictures[side].pixels.shape[:2] for side in SIDES)
    if full != other:
        return None
    source, target = (comparable(pictures[side].pixels) for side in SIDES)
    source = source.mean(axis=0, keepdims=True)
    if target.shape[0] != 3:
        target = np.repeat(target.mean(axis=0, keepdims=True), 3, axis=0)
    mixed = mixture(source[0], target)
    correlation, fit, residual = mixed or (None, None, None)
    if mixed is None or min(source.shape[1:]) < _SHORTEST:
        return PairLook(correlation, fit, residual, None, None, None)
    offset = measure_offset(source, target)
    rows, columns = full[0] / source.shape[1], full[1] / source.shape[2]
    x, y = (round(float(shift), _DIGITS) for shift in (offset.x * columns, offset.y * rows))
    return PairLook(correlation, fit, residual, x, y, offset.confidence)


def comparable(pixels: np.ndarray, longest: int = LONGEST) -> np.ndarray[Any, Any]:
    """A small version (C, h, w) float32 of a picture (H, W, C), in parts of white or of its own largest value."""
    unit = shrink(pixels, longest).astype(np.float32) / np.float32(own_white(pixels))
    return np.ascontiguousarray(np.clip(unit, 0, 1).transpose(2, 0, 1))


def _channels_differ(picture: Picture, pixels: np.ndarray) -> bool:
    if pixels.shape[2] != 3:
        return False
    try:
        to_source(replace(picture, pixels=pixels), "nir2rgb", full_scale=own_white(pixels), path="")
    except NirganError:
        return True
    return False
