"""Read a record's pictures and turn them into arrays; what training cuts and what is read whole go the same way."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from nirgan.color.lab import lightness
from nirgan.data.convert import can_mean, chosen_band, from_unit, full_scale_of, one_band, to_source, to_target
from nirgan.data.files import Picture, read_picture
from nirgan.data.index import Data, Record, different_sizes
from nirgan.data.regions import cut
from nirgan.data.sample import LABEL, Pairing, Sample
from nirgan.errors import NirganError

if TYPE_CHECKING:
    from nirgan.data.synth import Scene

Side = Literal["source", "target"]
Array = np.ndarray[Any, Any]
RENDERED_HEIGHT, RENDERED_WIDTH = 288, 352


def read_side(data: Data, record: Record, side: Side) -> Picture:
    """Decode one side of a record in its stored integers: a file, a part of a file, or a rendered scene.

    Raises:
        NirganError: if the file cannot be read or has no such part.
    """
    if record.rendered is not None:
        return _rendered(data.seed, record.rendered, side)
    path = record.source if side == "source" else record.target
    assert path is not None, record.key
    picture = read_picture(path, max_pixels=data.max_pixels)
    return cut(picture, record.region, side, band=data.band or data.weights_band, path=path)


def read_chosen(data: Data, record: Record, side: Side) -> Picture:
    """One side of a record as ``read_side`` gives it, but of a source only the band that is chosen, if one is.

    Raises:
        NirganError: as ``read_side``, or if a source has no such band.
    """
    picture = read_side(data, record, side)
    band = _band_of(data, record, picture) if side == "source" else None
    return picture if band is None else one_band(picture, band, record.path)


def read_sample(data: Data, record: Record) -> Sample:
    """A record as a whole sample; see ``Data.sample``."""
    if not data.has_source(record):
        raise NirganError(f"{record.key} is a target without a source; ask for sources or pairs")
    target = target_of(data, record, read_side(data, record, "target")) if record.has_target else None
    if data.task == "gray2rgb":
        assert target is not None
        source, scale = lightness_of(target), 1.0
    else:
        picture = read_side(data, record, "source")
        source, scale = source_of(data, record, picture), scale_of(data, "source", picture)
        check_channels(data, record, source)
    if target is not None and record.pairing == Pairing.REGISTERED and source.shape[1:] != target.shape[1:]:
        raise NirganError(different_sizes([(record, source.shape[1:], target.shape[1:])]))
    return Sample(
        source=torch.from_numpy(source),
        target=None if target is None else torch.from_numpy(target),
        pairing=record.pairing,
        key=record.key,
        path=record.path,
        full_scale=scale,
        category=record.category,
        extras={LABEL: record.category},
    )


def source_of(data: Data, record: Record, picture: Picture) -> Array:
    """A whole source picture as (C, H, W) float32 in [0, 1]."""
    given, weights = _scales(data, "source", picture)
    band = _band_of(data, record, picture)
    return to_source(picture, data.task, band=band, full_scale=given, weights=weights, path=record.path)


def target_of(data: Data, record: Record, picture: Picture) -> Array:
    """A whole target picture as (3, H, W) float32 in [0, 1]."""
    given, weights = _scales(data, "target", picture)
    return to_target(picture, record.target or record.path, full_scale=given, weights=weights)


def lightness_of(target: Array) -> Array:
    """The source that gray2rgb computes from a target: L*/100, (1, H, W)."""
    return lightness(torch.from_numpy(target)).clamp(0, 1).numpy()


def scale_of(data: Data, side: Side, picture: Picture) -> float:
    """Stored value that becomes 1.0 in a picture of one side."""
    return full_scale_of(picture, *_scales(data, side, picture))


def prepare_source(data: Data, record: Record, picture: Picture, *, checked: bool) -> Picture:
    """Settle what only the whole picture can tell, so that its parts convert as the whole does, bit for bit.

    That is which channels are the source (three nearly equal ones become one, in float32) and that values fit the full
    scale (those above are cut). A picture that was ``checked`` before is not converted again for that alone.

    Raises:
        NirganError: as ``source_of`` and ``check_channels``.
    """
    band = _band_of(data, record, picture)
    collapses = band is None and picture.pixels.shape[2] == 3
    if collapses or not checked:
        source = source_of(data, record, picture)
        check_channels(data, record, source)
        if collapses:
            return replace(picture, pixels=np.ascontiguousarray(source.transpose(1, 2, 0)), full_scale=1.0)
    pixels = picture.pixels if band is None else picture.pixels[..., band - 1 : band]
    return _settled(replace(picture, pixels=pixels), scale_of(data, "source", picture))


def prepare_target(data: Data, record: Record, picture: Picture, *, checked: bool) -> Picture:
    """The same for a target.

    Raises:
        NirganError: as ``target_of``.
    """
    if not checked:
        target_of(data, record, picture)
    return _settled(picture, scale_of(data, "target", picture))


def check_channels(data: Data, record: Record, source: Array) -> None:
    """Raise NirganError if a source has other channels than the data's first source."""
    if source.shape[0] != data.source_channels:
        raise NirganError(
            f"{record.path}: {source.shape[0]} source channels where the first picture has {data.source_channels}; "
            "choose one with --band, or leave the file out"
        )


def _band_of(data: Data, record: Record, picture: Picture) -> int | None:
    """Band to take of a source picture; none of what `cut` made of a file of bands."""
    return None if record.region == "bands" else chosen_band(picture, data.band, data.weights_band)


def given_scale(data: Data, side: Side, picture: Picture) -> float | None:
    """The user's full scale, as far as it is said of this side's files.

    It speaks of what ``translate`` will read: the source, in gray2rgb computed from the target. In nir2rgb it holds for
    the truth, too, where its type can mean it (12 bits in 16-bit files on both sides, but not 8-bit photographs beside
    them).
    """
    given = data.full_scale
    of_source = side == "source" or data.task == "gray2rgb"
    return given if given is not None and (of_source or can_mean(given, picture)) else None


def _scales(data: Data, side: Side, picture: Picture) -> tuple[float | None, float | None]:
    """Full scales of the user and of the weights, as far as they are said of this side's files."""
    of_source = side == "source" or data.task == "gray2rgb"
    return given_scale(data, side, picture), data.weights_full_scale if of_source else None


def _settled(picture: Picture, scale: float) -> Picture:
    kind = picture.pixels.dtype
    if kind.kind == "u" and scale >= np.iinfo(kind).max:  # none can be above
        # In memory of its own: one band would keep all of them in the cache.
        return replace(picture, pixels=np.ascontiguousarray(picture.pixels), full_scale=scale)
    largest = kind.type(scale if kind.kind == "f" else math.ceil(scale))
    return replace(picture, pixels=np.minimum(picture.pixels, largest), full_scale=scale)


def _rendered(seed: int, index: int, side: Side) -> Picture:
    scene = _scene(seed, index)
    # In 8 bits, as `nirgan data synth` writes them: rendered and written scenes train alike.
    unit = scene.nir[..., None] if side == "source" else scene.rgb
    return Picture(from_unit(unit.transpose(2, 0, 1), 8))


@lru_cache(maxsize=2)  # the two sides are asked for one after the other
def _scene(seed: int, index: int) -> Scene:
    from nirgan.data.synth import render

    return render(seed, index, height=RENDERED_HEIGHT, width=RENDERED_WIDTH)
