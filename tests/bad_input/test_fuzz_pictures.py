"""Damaged pictures: read as something sensible or refused in words, in bounded time and memory."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fuzzing import bounded, damaged, few_and_many, try_all
from hypothesis import settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from nirgan.data.files import picture_shape, read_picture, write_picture
from nirgan.errors import NirganError

MAX_PIXELS = 100_000
GEO = [(33550, 12, 3, (1.0, 1.0, 0.0), True), (34735, 3, 4, (1, 1, 0, 0), True), (700, 1, 6, b"<xmp/>", True)]


def pillow(mode: str, kind: str, **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (17, 23, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[271], exif[274] = "Maker", 6
    buffer = io.BytesIO()
    picture = Image.fromarray(pixels[..., :3] if mode != "CMYK" else pixels, mode if mode == "CMYK" else "RGB")
    if kind != "TIFF":
        options = {"exif": exif, "icc_profile": bytes(200), **options}
    picture.convert(mode).save(buffer, kind, dpi=(300, 200), **options)
    return buffer.getvalue()


def tiff(shape: tuple[int, ...], dtype: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 200, shape).astype(dtype)
    tifffile.imwrite(buffer, pixels, **{"photometric": "minisblack", "extratags": GEO, **options})
    return buffer.getvalue()


@cache
def pngs() -> list[bytes]:
    text = PngInfo()
    text.add_text("Title", "a" * 50, zip=True)
    text.add_itxt("Author", "è", zip=True)
    return [pillow(mode, "PNG", pnginfo=text) for mode in ("L", "RGB", "RGBA", "P", "1", "I;16")]


@cache
def jpegs() -> list[bytes]:
    return [pillow("RGB", "JPEG"), pillow("L", "JPEG", progressive=True), pillow("CMYK", "JPEG")]


@cache
def tiffs() -> list[bytes]:
    return [
        tiff((17, 23), "u2", compression="zlib", predictor=True),
        tiff((17, 23), "f4", compression="lzw"),
        tiff((17, 23, 3), "u1", photometric="rgb", tile=(16, 16), compression="packbits"),
        tiff((5, 17, 23), "u2", planarconfig="separate", byteorder=">"),
        tiff((17, 23), "u2", bigtiff=True),
        tiff((3, 17, 23), "i2"),
        tiff((32, 32, 3), "u1", photometric="ycbcr", tile=(16, 16), compression="jpeg"),
        pillow("P", "TIFF"),
        pillow("1", "TIFF", compression="group4"),
        pillow("CMYK", "TIFF"),
    ]


def with_good_checksums(content: bytes) -> bytes:
    """Chunks of a damaged PNG with checksums that fit, so that what lies behind the check is reached."""
    whole, position = bytearray(content), 8
    while position + 12 <= len(whole):
        end = position + 12 + int.from_bytes(whole[position : position + 4], "big")
        if end > len(whole):
            break
        whole[end - 4 : end] = zlib.crc32(whole[position + 4 : end - 4]).to_bytes(4, "big")
        position = end
    return bytes(whole)


def damaged_pictures() -> st.SearchStrategy[bytes]:
    def of(contents: Callable[[], list[bytes]]) -> st.SearchStrategy[bytes]:
        return damaged(st.sampled_from(contents()))

    magics = st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"II+\0", b""])
    noise = st.tuples(magics, st.binary(max_size=200)).map(b"".join)
    return st.one_of(of(pngs), of(pngs).map(with_good_checksums), of(jpegs), of(tiffs), of(tiffs), noise)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def read_or_refuse(folder: Path, content: bytes) -> None:
    path = folder / "picture"
    path.write_bytes(content)
    with bounded():
        try:
            picture = read_picture(path, max_pixels=MAX_PIXELS)
        except NirganError as error:
            said = str(error)
        else:
            height, width, channels = picture.pixels.shape
            assert picture.pixels.dtype in (np.uint8, np.uint16, np.float32)
            assert 0 < height * width * max(1, channels / 4) <= MAX_PIXELS
            assert np.isfinite(picture.pixels).all()
            assert picture_shape(path) == picture.pixels.shape
            said = ""
            for name in ("a.png", "a.tif", "a.jpg"):
                write_picture(folder / name, np.zeros((8, 8, 3), np.uint8), picture.metadata)
                assert read_picture(folder / name).pixels.shape == (8, 8, 3)
        with contextlib.suppress(NirganError):
            picture_shape(path)
    assert not said or (said.startswith(f"{path}: ") and len(said) < 1000), said


@few_and_many
def test_damaged_pictures(folder: Path, much: settings) -> None:
    try_all(much, damaged_pictures(), lambda content: read_or_refuse(folder, content))


def test_the_pictures_are_good_before_they_are_damaged(folder: Path) -> None:
    refused = []
    for content in (*pngs(), *jpegs(), *tiffs()):
        (folder / "picture").write_bytes(content)
        try:
            assert with_good_checksums(content) == content or content not in pngs()
            read_picture(folder / "picture")
        except NirganError as error:
            refused.append(str(error))
    assert not [words for words in refused if "transparent" not in words], refused
