"""TIFF files through tifffile: any byte order, layout and compression, one picture to a file (TIFF 6.0)."""

from __future__ import annotations

import io
import mmap
import struct
from itertools import pairwise
from typing import Any

import numpy as np
import tifffile

from nirgan.data.formats import Content, Decoded, Header, Refused, exif, without_alpha
from nirgan.data.metadata import Metadata, TiffTag

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_WHITE_IS_ZERO, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 2, 3, 5, 6
_NOT_COLOURS = {
    4: "a mask",
    8: "CIE Lab",
    9: "CIE Lab",
    10: "ITU Lab",
    32803: "a raw colour mosaic",
    32844: "LogL",
    32845: "LogLuv",
}
# GeoTIFF 1.1 and GDAL, by their TIFF type: 12 is double, 3 short, 2 text.
_GEO_TAGS = {33550: 12, 33922: 12, 34264: 12, 34735: 3, 34736: 12, 34737: 2, 42112: 2, 42113: 2}
_MAX_SAMPLE_VALUE, _WHITE_LEVEL, _XMP, _ICC = 281, 50717, 700, 34675
_REDUCED, _MASK = 1, 4
# An array (H, W, C) saved without saying that its last axis is channels has "pages" this narrow.
_NARROW = 16
_LARGEST_NUMBER = 2**32 - 1


def header(content: Content) -> Header:
    """Size and orientation from the tags alone.

    Raises:
        Refused: if the file is no TIFF, cut, damaged, or holds several pictures.
    """
    with _opened(content) as file:
        pages = _pages(file)
        _check_whole(pages, len(content))
        page = pages[0]
        block = max(page.tilewidth * page.tilelength for page in pages)
        if len(pages) > 1 and _is_narrow(page, pages):
            return Header(len(pages), page.imagelength, page.imagewidth, block=block)
        channels = 3 if page.photometric in (_PALETTE, _CMYK) else int(page.samplesperpixel) - len(_alpha_at(page))
        return Header(page.imagelength, page.imagewidth, channels * len(pages), _orientation(page), block)


def read(content: bytes) -> Decoded:
    """Decode pixels (H, W, C) uint8, uint16 or float32 as stored.

    Raises:
        Refused: if the file is cut or damaged, holds several pictures, or numbers or colours that are not understood.
    """
    with _opened(content) as file:
        pages = _pages(file)
        _check_whole(pages, len(content))
        arrays = [_page_pixels(page) for page in pages]
        if len(pages) > 1 and _is_narrow(pages[0], pages):
            pixels = np.stack([array[..., 0] for array in arrays])
        else:
            pixels = arrays[0] if len(arrays) == 1 else np.concatenate(arrays, axis=2)
        return _decoded(pixels, pages[0], _metadata(content, pages[0]))


def write(pixels: np.ndarray, metadata: Metadata) -> bytes:
    """Encode RGB or grey pixels (H, W, 3 or 1) uint8 or uint16 without loss (deflate, predictor), with metadata."""
    ifds = exif.read_ifds(metadata.exif) if metadata.exif else None
    order = ifds.order if ifds else "<"  # values that are carried as bytes keep their byte order
    carried: list[tuple[Any, ...]] = [(t.code, t.dtype, t.count, t.value, True) for t in metadata.tiff_tags]
    pointers: dict[int, tuple[exif.Entry, ...]] = {}
    if ifds:
        carried += [(e.code, e.dtype, e.count, e.raw, True) for e in exif.descriptive(ifds)]
        pointers = {code: e for code, e in ((exif.EXIF_IFD, ifds.exif), (exif.GPS_IFD, ifds.gps)) if e}
    if metadata.xmp:
        carried.append((_XMP, 1, len(metadata.xmp), metadata.xmp, True))
    dpi = (min(metadata.dpi[0], _LARGEST_NUMBER), min(metadata.dpi[1], _LARGEST_NUMBER)) if metadata.dpi else None
    buffer, colour = io.BytesIO(), pixels.shape[2] == 3
    tifffile.imwrite(
        buffer,
        pixels if colour else pixels[..., 0],
        byteorder=order,
        photometric="rgb" if colour else "minisblack",
        compression="zlib",
        predictor=True,
        metadata=None,
        software=False,
        resolution=dpi,
        resolutionunit="INCH" if dpi else None,
        iccprofile=metadata.icc,
        extratags=carried,
    )
    return _with_lists(buffer.getvalue(), order, pointers)


def _with_lists(content: bytes, order: str, lists: dict[int, tuple[exif.Entry, ...]]) -> bytes:
    # tifffile writes no camera and place lists: they go to the end of the file, and behind them a main list that
    # points to them and takes the place of the first.
    if not lists or content[:4] not in (b"II*\0", b"MM\0*"):  # BigTIFF, above 4 GB, goes without
        return content
    whole, main = bytearray(content), list(exif.read_ifds(content).main)
    for code, entries in lists.items():
        whole += bytes(len(whole) % 2)
        main.append(exif.Entry(code, 4, 1, struct.pack(order + "I", len(whole)), 0))
        whole += exif.pack(entries, order, len(whole))
    whole += bytes(len(whole) % 2)
    struct.pack_into(order + "I", whole, 4, len(whole))
    return bytes(whole) + exif.pack(main, order, len(whole))


def _opened(content: Content) -> tifffile.TiffFile:
    if bytes(content[:4]) not in MAGICS:
        raise Refused("not a TIFF file, whatever its name says")
    # A mapped file is a stream already: only the tags are read of it.
    stream: Any = content if isinstance(content, mmap.mmap) else io.BytesIO(content)
    return tifffile.TiffFile(stream)


def _pages(file: tifffile.TiffFile) -> list[Any]:
    """The pages that make up the one picture: smaller copies and masks left out, bands kept."""
    pages = [page for page in file.pages if not page.subfiletype & (_REDUCED | _MASK)]
    if not pages:
        raise Refused("it holds no full picture, only reduced copies or masks")
    first = pages[0]
    # Pyramids of older writers do not mark their smaller copies.
    smaller = [p for p in pages if p.imagewidth * p.imagelength <= first.imagewidth * first.imagelength / 3]
    if _is_pyramid(first, smaller) and len(smaller) == len(pages) - 1:
        return [first]
    alike = {(p.imagewidth, p.imagelength, p.samplesperpixel, p.dtype) for p in pages}
    if len(alike) > 1 or (len(pages) > 1 and first.samplesperpixel > 1):
        raise Refused(f"it holds {len(pages)} pictures; save the one that is meant into a file of its own")
    if first.imagewidth < 1 or first.imagelength < 1:
        raise Refused("the file is damaged: its picture has no size; copy it again")
    return pages


def _is_pyramid(first: Any, smaller: list[Any]) -> bool:
    sides = [(first.imagewidth, first.imagelength)] + [(p.imagewidth, p.imagelength) for p in smaller]
    return all(abs(w0 / w1 - h0 / h1) < 0.1 * w0 / w1 and w1 < w0 for (w0, h0), (w1, h1) in pairwise(sides))


def _is_narrow(page: Any, pages: list[Any]) -> bool:
    return page.imagewidth <= _NARROW < min(page.imagelength, len(pages))


def _check_whole(pages: list[Any], size: int) -> None:
    for page in pages:
        ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False) if count]
        if not ends or max(ends) > size:
            raise Refused("the file is cut: pixels are missing at its end; copy it again")


def _page_pixels(page: Any) -> np.ndarray:
    """Pixels (H, W, C) of one page in its own numbers, with palette, CMYK, inverted grey and alpha resolved."""
    if page.photometric in _NOT_COLOURS:
        raise Refused(f"its colours are {_NOT_COLOURS[page.photometric]}; convert it to RGB or grey first")
    if page.photometric == _YCBCR and page.compression not in (6, 7, 33007):
        raise Refused("its colours are YCbCr without JPEG compression; convert it to RGB first")
    if page.imagedepth != 1:
        raise Refused("it holds a volume, not a picture")
    array = page.asarray()
    pixels = np.moveaxis(array, 0, -1) if page.axes.startswith("S") else array
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    white = _white(page)
    for index in reversed(_alpha_at(page)):
        pixels = _without_alpha(pixels, index, white)
    if page.photometric == _WHITE_IS_ZERO:
        pixels = (white - pixels.astype(np.float64 if pixels.dtype.kind == "f" else np.int64)).astype(pixels.dtype)
    if page.photometric == _PALETTE:
        return _from_palette(pixels, page)
    if page.photometric == _CMYK:
        return _from_cmyk(pixels, white)
    return pixels


def _white(page: Any) -> float:
    return 1.0 if page.dtype.kind in "fb" else float(2 ** int(page.bitspersample) - 1)


def _without_alpha(pixels: np.ndarray, index: int, white: float) -> np.ndarray:
    try:
        return without_alpha(np.delete(pixels, index, axis=2), pixels[..., index], white)
    except Refused as error:
        # Some writers mark any fourth channel of RGB as alpha unless they are told otherwise.
        raise Refused(
            f"{error}; or, if channel {index + 1} is a band such as near-infrared and no alpha, mark it as unspecified "
            "(tag ExtraSamples: 0)"
        ) from None


def _alpha_at(page: Any) -> list[int]:
    extra = [int(kind) for kind in page.extrasamples or ()]
    first = int(page.samplesperpixel) - len(extra)
    return [first + index for index, kind in enumerate(extra) if kind in (1, 2)]


def _from_palette(indices: np.ndarray, page: Any) -> np.ndarray:
    colours = np.asarray(page.colormap)
    # Entries have 16 bits; palettes made of 8-bit colours hold them in the high byte.
    eight_bit = bool(((colours & 255 == 0) | (colours % 257 == 0)).all())
    table = (colours >> 8).astype(np.uint8) if eight_bit else colours
    return table.T[indices[..., 0]]


def _from_cmyk(inks: np.ndarray, white: float) -> np.ndarray:
    # No profile is applied: RGB = (1 - ink)(1 - black), as OpenCV does for JPEG.
    if inks.shape[2] != 4 or inks.dtype.kind != "u":
        raise Refused("it has inks other than CMYK; convert it to RGB first")
    paper = 1 - inks.astype(np.float64) / white
    return np.rint(paper[..., :3] * paper[..., 3:] * white).astype(inks.dtype)


def _decoded(pixels: np.ndarray, page: Any, metadata: Metadata) -> Decoded:
    """Pixels as uint8, uint16 or float32, and the full scale that the file declares."""
    kind, size = pixels.dtype.kind, pixels.dtype.itemsize
    if kind == "b":
        return Decoded(pixels.astype(np.uint8) * np.uint8(255), metadata)
    if kind == "f":
        return Decoded(pixels.astype(np.float32), metadata, _white_level(page))
    if kind == "i" and size <= 2:
        if pixels.min() < 0:
            raise Refused(f"its signed numbers go down to {pixels.min()}; shift it to numbers from 0 up")
        return Decoded(pixels.astype(f"u{size}"), metadata, _white_level(page), float(np.iinfo(pixels.dtype).max))
    if kind != "u" or size > 2:
        raise Refused(f"its numbers are {pixels.dtype}; save it as 8-bit, 16-bit or float")
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    bits = int(page.bitspersample)
    packed = page.photometric not in (_PALETTE, _CMYK) and bits < 8 * size
    return Decoded(pixels, metadata, float(2**bits - 1) if packed else _white_level(page))


def _white_level(page: Any) -> float | None:
    """White level by DNG's WhiteLevel, or by MaxSampleValue where that names a sensor's depth (1023, 4095, 16383).

    Other values of MaxSampleValue are what many programs write for the largest value of this one picture.
    """
    tags = page.tags
    for code in (_WHITE_LEVEL, _MAX_SAMPLE_VALUE):
        value = tags[code].value if code in tags else None
        value = max(value) if isinstance(value, tuple) and value else value
        if not isinstance(value, int | float) or value <= 0:
            continue
        named_depth = value > 255 and float(value).is_integer() and (int(value) & (int(value) + 1)) == 0
        if (code == _WHITE_LEVEL or named_depth) and (page.dtype.kind == "f" or value <= np.iinfo(page.dtype).max):
            return float(value)
    return None


def _orientation(page: Any) -> int:
    value = page.tags[exif.ORIENTATION].value if exif.ORIENTATION in page.tags else 1
    return int(value) if value in range(1, 9) else 1


def _metadata(content: bytes, page: Any) -> Metadata:
    tags = page.tags
    dpi = None
    if 282 in tags and 283 in tags and int(page.resolutionunit) in (2, 3):
        (xn, xd), (yn, yd) = tags[282].value, tags[283].value
        per_inch = 1.0 if int(page.resolutionunit) == 2 else 2.54
        dpi = (xn / xd * per_inch, yn / yd * per_inch) if xn and xd and yn and yd else None
    try:
        block = exif.from_tiff(content)
    except ValueError:  # BigTIFF, or damaged lists: pictures matter more
        block = None
    return Metadata(
        exif=block,
        icc=_as_bytes(tags, _ICC),
        xmp=_as_bytes(tags, _XMP),
        dpi=dpi,
        tiff_tags=tuple(_geo_tag(tags[c]) for c, dtype in _GEO_TAGS.items() if c in tags and tags[c].dtype == dtype),
    )


def _geo_tag(tag: Any) -> TiffTag:
    # As bytes, because tifffile writes no text beyond ASCII.
    value = tag.value.encode() if isinstance(tag.value, str) else tag.value
    return TiffTag(tag.code, int(tag.dtype), tag.count, value)


def _as_bytes(tags: Any, code: int) -> bytes | None:
    value = tags[code].value if code in tags else None
    return bytes(value) if isinstance(value, bytes) else None
