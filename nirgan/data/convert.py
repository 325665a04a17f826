"""From a file's numbers to a sample's [0, 1] and back: full scale, bands, lightness."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from nirgan.color.lab import gray_to_lightness, lightness
from nirgan.data.files import Picture
from nirgan.data.sample import Task
from nirgan.errors import NirganError

logger = logging.getLogger(__name__)

# Channels of black-and-white pictures in JPEG lie a few levels apart; a sepia tint lies ten times as far.
_EQUAL_SHARE = 0.05
_EQUAL_LEVELS = 2 / 255
_ABOVE_SHARE = 0.01
_HOPELESS_SHARE = 0.5


def full_scale_of(picture: Picture, given: float | None = None, weights: float | None = None) -> float:
    """Stored value that becomes 1.0: as given, else by the file's metadata, the weights, the type's maximum.

    The picture's own values are never asked. A full scale from weights counts only where the file ``can_mean`` it.

    Raises:
        NirganError: if the given full scale is not a positive number.
    """
    if given is not None:
        return checked_full_scale(given)
    if picture.full_scale is not None:
        return picture.full_scale
    if weights is not None and can_mean(weights, picture):
        return float(weights)
    return _type_maximum(picture)


def checked_full_scale(given: float) -> float:
    """A full scale as somebody typed it; raises NirganError if it is no positive number."""
    if not (math.isfinite(given) and given > 0):
        raise NirganError(f"full scale {given}: must be a positive number, as 4095 for 12-bit files")
    return float(given)


def can_mean(full_scale: float, picture: Picture) -> bool:
    """Whether a full scale that was said of other files can be this one's, by its type alone.

    8-bit files: above 1 (which is said of float files), up to 255. 16-bit files: above 255 (which is said of 8-bit
    files), up to the type's maximum. Float files: never. They hold [0, 1] unless the user or the file itself says
    otherwise; 4095, learned from 12-bit files, would turn them black.
    """
    dtype = picture.pixels.dtype
    if dtype.kind == "f":
        return False
    return (1 if dtype.itemsize == 1 else 255) < full_scale <= _type_maximum(picture)


def chosen_band(picture: Picture, given: int | None, weights: int | None) -> int | None:
    """Band to take, from 1: as given, else the one that weights were trained on, where a picture has so many.

    None takes all. What weights say of other files holds for no picture of one channel.
    """
    channels = picture.pixels.shape[2]
    if given is not None or weights is None:
        return given
    return weights if channels > 1 and weights <= channels else None


def one_band(picture: Picture, band: int, path: Path | str) -> Picture:
    """One channel of a picture, counted from 1; raises NirganError if it has no such channel."""
    channels = picture.pixels.shape[2]
    if not 1 <= band <= channels:
        raise NirganError(f"{path}: band {band} of {channels}; bands count from 1")
    return replace(picture, pixels=picture.pixels[..., band - 1 : band])


def to_source(
    picture: Picture,
    task: Task,
    *,
    band: int | None = None,
    full_scale: float | None = None,
    weights: float | None = None,
    path: Path | str,
) -> np.ndarray:
    """Make a source (C, H, W) float32 in [0, 1] from a picture.

    ``nir2rgb``: one channel as it is; three nearly equal ones are their mean; two, or more than three, are all taken;
    ``band`` takes one of them. ``gray2rgb``: L*/100 of RGB, of a grey level, or of ``band``.

    Args:
        picture: As read.
        task: What the source is for.
        band: Channel to take, from 1.
        full_scale: As given by the user; see ``full_scale_of``.
        weights: Full scale that weights were trained with; see there.
        path: Named in errors.

    Raises:
        NirganError: for three different channels without a band, a band that is not there, or channels that
            ``gray2rgb`` cannot read as grey or RGB.
    """
    if band is not None:
        picture = one_band(picture, band, path)
    unit = _channels_first(to_unit(picture, path, full_scale=full_scale, weights=weights))
    if task == "gray2rgb":
        return _lightness(unit, path)
    if unit.shape[0] != 3:
        return unit
    distance, allowed = _channel_distance(unit, picture.pixels.dtype)
    if distance > allowed:
        raise NirganError(
            f"{path}: its three channels differ (by {distance:.1%} of full scale, up to {allowed:.1%} count as one); "
            "say which one is near-infrared: --band 1, 2 or 3"
        )
    # Around the first channel: the mean of three equal numbers is then that number to the last bit.
    return unit[:1] + ((unit[1:2] - unit[:1]) + (unit[2:] - unit[:1])) / np.float32(3)


def to_target(
    picture: Picture, path: Path | str, *, full_scale: float | None = None, weights: float | None = None
) -> np.ndarray:
    """Make a target (3, H, W) float32 in [0, 1], sRGB, from a colour picture; full scales as for ``to_source``.

    Raises:
        NirganError: if it has not three channels.
    """
    channels = picture.pixels.shape[2]
    if channels != 3:
        what = "is grey" if channels == 1 else f"has {channels} channels"
        raise NirganError(f"{path}: a colour picture is needed here, and this one {what}")
    return _channels_first(to_unit(picture, path, full_scale=full_scale, weights=weights))


def to_unit(
    picture: Picture, path: Path | str, *, full_scale: float | None = None, weights: float | None = None
) -> np.ndarray:
    """A picture's numbers as (H, W, C) float32 in [0, 1], all its channels; full scales as for ``to_source``.

    Raises:
        NirganError: if most of a float file's values are above a full scale that nobody said.
    """
    largest = full_scale_of(picture, full_scale, weights)
    unit = picture.pixels.astype(np.float32, order="C")
    unit /= np.float32(largest)  # not multiplied by a reciprocal: full scale becomes exactly 1
    above = np.count_nonzero(unit > 1) / unit.size
    said = full_scale is not None or picture.full_scale is not None
    if above > _HOPELESS_SHARE and picture.pixels.dtype.kind == "f" and not said:
        raise NirganError(
            f"{path}: {above:.0%} of its values are above {largest:g}, the full scale of a float file that "
            "declares none; say what is white with --full-scale (or, for the colour side of pairs, store 0 to 1)"
        )
    if above > _ABOVE_SHARE:
        logger.warning("%s: %.0f %% of its values are above the full scale %g and are cut", path, above * 100, largest)
    return np.clip(unit, 0, 1, out=unit)


def from_unit(rgb: np.ndarray, depth: int) -> np.ndarray:
    """RGB (3, H, W) float in [0, 1] as (H, W, 3) uint8 (depth 8) or uint16 (16), clipped, rounded to the nearest."""
    if depth not in (8, 16):
        raise ValueError(f"depth must be 8 or 16, not {depth}")
    dtype = np.dtype(f"uint{depth}")
    largest = 2**depth - 1
    # In float64: float32 has 24 bits, and half a level of 16 has to be told from the next.
    levels = np.rint(np.clip(np.asarray(rgb, dtype=np.float64), 0, 1) * largest)
    return np.ascontiguousarray(levels.astype(dtype).transpose(1, 2, 0))


def _type_maximum(picture: Picture) -> float:
    dtype = picture.pixels.dtype
    return 1.0 if dtype.kind == "f" else float(picture.type_maximum or np.iinfo(dtype).max)


def _channels_first(unit: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(unit.transpose(2, 0, 1))


def _lightness(unit: np.ndarray, path: Path | str) -> np.ndarray:
    if unit.shape[0] not in (1, 3):
        raise NirganError(f"{path}: has {unit.shape[0]} channels, neither grey nor RGB; take one with --band")
    tensor = torch.from_numpy(unit)
    value = gray_to_lightness(tensor) if unit.shape[0] == 1 else lightness(tensor)
    return value.clamp(0, 1).numpy()


def _channel_distance(unit: np.ndarray, dtype: np.dtype) -> tuple[float, float]:
    """How far apart three channels lie, and how far still counts as one picture, both in parts of full scale.

    The distance is the 99th percentile of (largest - smallest), so that a few coloured objects count and JPEG's noise
    does not. What is allowed follows the picture's bright end: in 12-bit files with a full scale of 65535 everything
    lies close together. A few 8-bit levels are JPEG's rounding.
    """
    distance = float(np.percentile(unit.max(axis=0) - unit.min(axis=0), 99))
    allowed = _EQUAL_SHARE * float(np.percentile(unit, 99))
    return distance, max(allowed, _EQUAL_LEVELS if dtype == np.uint8 else 0.0)
