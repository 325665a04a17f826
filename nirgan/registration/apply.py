"""Move a source's stored numbers onto its target's grid, and write what both show."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import tifffile

from nirgan.data.convert import full_scale_of
from nirgan.data.files import Picture, write_picture
from nirgan.data.metadata import Metadata, TiffTag
from nirgan.files import write_whole
from nirgan.registration.edges import Array
from nirgan.registration.rectangle import Rectangle

_WHITE_LEVEL = 50717
_LONG, _DOUBLE = 4, 12
_LEAST_BLUR = 0.3
"""Pixels; a Gaussian below that changes nothing that a difference of scale of some percent asks for."""
_TIFFS = (".tif", ".tiff")


def moved_onto(pixels: Array, matrix: Array, rectangle: Rectangle, flow: Array | None = None) -> Array:
    """The part of a source that a rectangle of its target shows, in the source's own numbers (h,w,C).

    Bicubic, cut to the source's own range: interpolation overshoots at edges, and no sensor has seen that. A source
    with more pixels than its target is blurred before, as far as the target's pixels average over its own.

    Args:
        pixels: (H,W,C) as stored.
        matrix: 3×3, from target to source pixels.
        rectangle: Of the target.
        flow: (K,L,2), shifts on the whole target's grid, in its pixels.
    """
    columns, rows = _sampling(matrix, rectangle, flow)
    # Band by band: OpenCV moves four at most.
    stretch = _stretch(matrix, rectangle)
    bands = [
        cv2.remap(_blurred(band, stretch), columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for band in _bands(pixels)
    ]
    return np.stack(
        [np.clip(new, old.min(), old.max()) for new, old in zip(bands, _bands(pixels), strict=True)], axis=2
    )


def cut(pixels: Array, rectangle: Rectangle) -> Array:
    """The same part of the target."""
    rows = slice(rectangle.top, rectangle.top + rectangle.height)
    return pixels[rows, rectangle.left : rectangle.left + rectangle.width]


def suffix_for(picture: Picture, path: Path) -> str:
    """The format that holds a picture without loss: TIFF for TIFF files, floats, bands and full scales, else PNG."""
    if path.suffix.lower() in _TIFFS:
        return path.suffix.lower()
    plain = picture.pixels.dtype.kind == "u" and picture.pixels.shape[2] in (1, 3)
    return ".png" if plain and _declared(picture) is None else ".tif"


def write_stored(path: Path, pixels: Array, original: Picture) -> None:
    """Write part of a picture at its depth, with its metadata, and the full scale that it declared.

    Places on earth are not carried: they belong to the whole picture's rows and columns.

    Raises:
        NirganError: if the file cannot be written.
    """
    metadata = replace(original.metadata, tiff_tags=_white_level(_declared(original)))
    if pixels.dtype.kind == "u" and pixels.shape[2] in (1, 3):
        write_picture(path, pixels, metadata)
    else:
        write_whole(path, _tiff(pixels, metadata))


def _sampling(matrix: Array, rectangle: Rectangle, flow: Array | None) -> tuple[Array, Array]:
    """Columns and rows of the source, (h,w) float32 each, that a rectangle of the target shows."""
    x = np.arange(rectangle.left, rectangle.left + rectangle.width, dtype=np.float64)
    y = np.arange(rectangle.top, rectangle.top + rectangle.height, dtype=np.float64)[:, None]
    if flow is not None:
        shifts = cut(flow, rectangle)
        x, y = x + shifts[..., 0], y + shifts[..., 1]
    across, down, along = (row[0] * x + row[1] * y + row[2] for row in matrix)
    return (across / along).astype(np.float32), (down / along).astype(np.float32)


def _stretch(matrix: Array, rectangle: Rectangle) -> float:
    """Source pixels along the side of a target pixel, in the middle of the rectangle."""
    x, y = rectangle.left + rectangle.width / 2, rectangle.top + rectangle.height / 2
    along = matrix[2] @ (x, y, 1)
    place = matrix[:2] @ (x, y, 1) / along
    jacobian = (matrix[:2, :2] - np.outer(place, matrix[2, :2])) / along
    return float(abs(np.linalg.det(jacobian)) ** 0.5)


def _blurred(band: Array, stretch: float) -> Array:
    # The Gaussian that, together with a pixel's own extent, is as wide as the coarser pixel (Yu and Morel, ASIFT 2009,
    # with 0.5 in place of 0.8: bicubic interpolation blurs, too).
    sigma = 0.5 * (max(stretch, 1.0) ** 2 - 1) ** 0.5
    return cv2.GaussianBlur(band, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) if sigma > _LEAST_BLUR else band


def _bands(pixels: Array) -> list[Array]:
    return [np.ascontiguousarray(pixels[..., band]) for band in range(pixels.shape[2])]


def _white_level(scale: float | None) -> tuple[TiffTag, ...]:
    if scale is None:
        return ()
    whole = scale.is_integer()
    return (TiffTag(_WHITE_LEVEL, _LONG if whole else _DOUBLE, 1, int(scale) if whole else scale),)


def _declared(picture: Picture) -> float | None:
    """Full scale, where it is not what the type of the pixels says by itself."""
    own = full_scale_of(replace(picture, full_scale=None, type_maximum=None))
    scale = full_scale_of(picture)
    return None if scale == own else scale


def _tiff(pixels: Array, metadata: Metadata) -> bytes:
    """Floats, and more bands than colours are."""
    buffer = io.BytesIO()
    colour = pixels.shape[2] == 3
    tifffile.imwrite(
        buffer,
        pixels if pixels.shape[2] > 1 else pixels[..., 0],
        photometric="rgb" if colour else "minisblack",
        planarconfig="contig" if pixels.shape[2] > 1 else None,
        compression="zlib",
        predictor=True,
        metadata=None,
        software=False,
        iccprofile=metadata.for_rgb().icc,
        extratags=[(tag.code, tag.dtype, tag.count, tag.value, True) for tag in metadata.tiff_tags],
    )
    return buffer.getvalue()
