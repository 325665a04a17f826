"""Picture file formats: what stands in the bytes of a PNG, JPEG or TIFF file, read without trusting it."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from nirgan.data.metadata import Metadata

Content = bytes | mmap.mmap
"""A file's bytes, read or mapped."""

LARGEST_METADATA = 16 * 2**20
"""Bytes; a metadata block larger than this is not carried."""


class Refused(Exception):  # noqa: N818  # not an error of the program: a file that is not taken, and why
    """A file cannot be taken; the message says why and what to do, and the caller adds the file's name."""


@dataclass(frozen=True)
class Header:
    """What a file says about its picture before any pixel is decoded.

    Attributes:
        height: Stored rows.
        width: Stored columns.
        channels: Colour channels or bands, alpha not counted.
        orientation: EXIF orientation, 1 to 8; 1 is upright.
        block: Pixels of the largest piece that is decoded at once, where that is not the picture (tiles).
    """

    height: int
    width: int
    channels: int
    orientation: int = 1
    block: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of the upright picture."""
        turned = self.orientation >= 5
        return (self.width, self.height, self.channels) if turned else (self.height, self.width, self.channels)


class Decoded(NamedTuple):
    """What a file holds.

    Attributes:
        pixels: (H, W, C) uint8, uint16 or float32 as stored.
        metadata: What the file says besides.
        full_scale: Stored value that means white, where the file declares one.
        type_maximum: Largest value of the stored type, where that of the pixels' type is another (int16).
    """

    pixels: np.ndarray
    metadata: Metadata
    full_scale: float | None = None
    type_maximum: float | None = None


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn and mirror stored pixels (H, W, C) the way their EXIF orientation asks (CIPA DC-008, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def without_alpha(pixels: np.ndarray, alpha: np.ndarray, opaque: float) -> np.ndarray:
    """Return ``pixels`` if ``alpha`` is opaque everywhere.

    Raises:
        Refused: if some of the picture is transparent; what lies below it is not known.
    """
    share = float((alpha != opaque).mean())
    if share:
        raise Refused(f"{share:.1%} of its pixels are transparent; flatten it and save it without alpha")
    return pixels
