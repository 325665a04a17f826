"""Stored numbers move without being scaled, cut or invented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from nirgan.data.convert import full_scale_of
from nirgan.data.files import Picture, read_picture
from nirgan.data.metadata import Metadata, TiffTag
from nirgan.registration.apply import cut, moved_onto, suffix_for, write_stored
from nirgan.registration.rectangle import Rectangle

WHOLE = Rectangle(0, 0, 40, 30)


def random(dtype: str, channels: int = 1, largest: int = 255) -> np.ndarray:
    numbers = np.random.default_rng(0).integers(0, largest + 1, (30, 40, channels))
    return (numbers / largest if dtype == "float32" else numbers).astype(dtype)


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 3), ("uint16", 1), ("uint16", 6), ("float32", 1)])
def test_the_identity_changes_nothing(dtype: str, channels: int) -> None:
    pixels = random(dtype, channels)
    moved = moved_onto(pixels, np.eye(3), WHOLE)
    assert moved.dtype == pixels.dtype
    assert np.array_equal(moved, pixels)


def test_a_shift_by_whole_pixels_moves_numbers_as_they_are() -> None:
    pixels = random("uint16", largest=4095)
    matrix = np.array([[1, 0, 3], [0, 1, 2], [0, 0, 1.0]])
    rectangle = Rectangle(1, 4, 20, 10)
    assert np.array_equal(moved_onto(pixels, matrix, rectangle), pixels[6:16, 4:24])
    assert np.array_equal(cut(pixels, rectangle), pixels[4:14, 1:21])


def test_no_value_is_beyond_those_of_the_source() -> None:
    pixels = np.full((30, 40, 1), 400, np.uint16)
    pixels[:, 20:] = 4095
    matrix = np.array([[1, 0, 0.4], [0, 1, 0.3], [0, 0, 1.0]])
    moved = moved_onto(pixels, matrix, Rectangle(0, 0, 39, 29))
    assert moved.dtype == np.uint16
    assert (moved.min(), moved.max()) == (400, 4095)


@pytest.mark.parametrize("stretch", [2, 4])
def test_a_finer_source_is_averaged(stretch: int) -> None:
    """A grating of one source pixel black and one white has no right place in target pixels of two or four."""
    pixels = (np.indices((120, 160)).sum(0) % 2 * 200).astype(np.uint8)[..., None]
    moved = moved_onto(pixels, np.diag([stretch, stretch, 1.0]), Rectangle(5, 5, 20, 15))
    assert np.abs(moved.astype(float) - 100).max() < (40 if stretch == 2 else 2)


def test_a_flow_adds_to_the_matrix() -> None:
    pixels = random("uint8")
    flow = np.zeros((30, 40, 2), np.float32)
    flow[..., 0], flow[..., 1] = 2, -1
    matrix = np.array([[1, 0, 1], [0, 1, 3], [0, 0, 1.0]])
    rectangle = Rectangle(5, 5, 20, 15)
    assert np.array_equal(moved_onto(pixels, matrix, rectangle, flow), pixels[7:22, 8:28])


@pytest.mark.parametrize(
    ("picture", "name", "suffix"),
    [
        (Picture(random("uint8")), "a.jpg", ".png"),
        (Picture(random("uint16")), "a.PNG", ".png"),
        (Picture(random("uint16")), "a.TIFF", ".tiff"),
        (Picture(random("uint16"), full_scale=4095.0), "a.png", ".tif"),
        (Picture(random("uint16"), type_maximum=32767.0), "a.png", ".tif"),
    ],
)
def test_the_format_holds_the_picture(picture: Picture, name: str, suffix: str) -> None:
    assert suffix_for(picture, Path(name)) == suffix


@pytest.mark.parametrize(
    ("pixels", "scale"),
    [
        (random("uint16", 1), 4095.0),
        (random("uint16", 3), None),
        (random("uint16", 6), 4095.0),
        (random("float32", 1), None),
        (random("float32", 3), 2.5),
    ],
)
def test_depth_and_full_scale_come_back(tmp_path: Path, pixels: np.ndarray, scale: float | None) -> None:
    original = Picture(pixels, full_scale=scale)
    write_stored(tmp_path / "a.tif", pixels, original)
    read = read_picture(tmp_path / "a.tif")
    assert read.pixels.dtype == pixels.dtype
    assert np.array_equal(read.pixels, pixels)
    assert full_scale_of(read) == full_scale_of(original)


def test_places_on_earth_are_not_carried(tmp_path: Path) -> None:
    place = TiffTag(33550, 12, 3, (10.0, 10.0, 0.0))
    write_stored(tmp_path / "a.tif", random("uint16"), Picture(random("uint16"), metadata=Metadata(tiff_tags=(place,))))
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert 33550 not in file.pages[0].tags
