"""Two pictures in one file: halves side by side, or colour and near-infrared as its bands."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from nirgan.errors import NirganError

if TYPE_CHECKING:
    from nirgan.data.files import Picture

Region = Literal["whole", "left-right", "right-left", "bands"]
"""Where source and target lie in their files: each the ``whole`` file, the two halves of one file (``left-right``: the
source on the left), or the ``bands`` of one file: near-infrared the source, the other three the target."""
NEAR_INFRARED = 4
"""The near-infrared band of a file of four, from 1, unless somebody says otherwise."""
BANDS = 4
"""Bands of a file that is a pair by itself."""


def part_size(height: int, width: int, region: Region) -> tuple[int, int]:
    """(height, width) of one side of a file of this size."""
    return height, width if region in ("whole", "bands") else width // 2


def cut(
    picture: Picture, region: Region, side: Literal["source", "target"], *, band: int | None, path: object
) -> Picture:
    """One side of a file, in memory of its own: a view would keep the whole file in the cache.

    Args:
        picture: The whole file.
        region: How the sides lie in it.
        side: Which one is wanted.
        band: Near-infrared band of ``bands``, from 1; None: the fourth.
        path: Named in errors.

    Raises:
        NirganError: if a file of bands has not four, or no such band.
    """
    if region == "whole":
        return picture
    if region == "bands":
        return _of_bands(picture, side, NEAR_INFRARED if band is None else band, path)
    width = picture.pixels.shape[1] // 2
    left = (region == "left-right") == (side == "source")
    half = picture.pixels[:, :width] if left else picture.pixels[:, width : 2 * width]
    return replace(picture, pixels=half.copy())


def _of_bands(picture: Picture, side: str, band: int, path: object) -> Picture:
    channels = picture.pixels.shape[2]
    if channels != BANDS:
        alpha = "; a fourth that is marked as alpha (TIFF tag ExtraSamples) is none" if channels == BANDS - 1 else ""
        raise NirganError(
            f"{path}: has {channels} bands, and a file that is a pair by itself has {BANDS}: red, green, blue and "
            f"near-infrared{alpha}"
        )
    if not 1 <= band <= BANDS:
        raise NirganError(f"{path}: band {band} of {BANDS}; bands count from 1")
    wanted = [band - 1] if side == "source" else [index for index in range(BANDS) if index != band - 1]
    return replace(picture, pixels=np.ascontiguousarray(picture.pixels[..., wanted]))
