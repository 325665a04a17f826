"""What a file says besides its pixels, carried to the result and read back with Pillow and tifffile."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from nirgan.data.files import read_picture, write_picture
from nirgan.data.metadata import Metadata

RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf tiff:Orientation="6"/></x:xmpmeta>'
GEO_TAGS = [
    (33550, 12, 3, (10.0, 10.0, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 446000.0, 4651000.0, 0.0), True),
    (34735, 3, 8, (1, 1, 0, 1, 1024, 0, 1, 1), True),
    (34737, 2, 0, "WGS 84|", True),
    (42112, 2, 0, "<Item>0.8 µm</Item>".encode(), True),
    (42113, 2, 0, "-9999", True),
]


def exif_of_a_camera() -> Image.Exif:
    exif = Image.Exif()
    exif[271], exif[272], exif[306] = "Maker", "NIR One", "2024:05:06 07:08:09"
    exif[274] = 1
    exif.get_ifd(34665)[33434] = TiffImagePlugin.IFDRational(1, 125)
    exif.get_ifd(34665)[36867] = "2024:05:06 07:08:09"
    exif.get_ifd(34853)[2] = (46.0, 31.0, 12.5)
    loaded = Image.Exif()
    loaded.load(exif.tobytes())
    return loaded


def check_camera(image: Image.Image) -> None:
    exif = image.getexif()
    assert (exif[271], exif[272], exif[306]) == ("Maker", "NIR One", "2024:05:06 07:08:09")
    assert float(exif.get_ifd(34665)[33434]) == pytest.approx(1 / 125)
    assert exif.get_ifd(34665)[36867] == "2024:05:06 07:08:09"
    assert [float(part) for part in exif.get_ifd(34853)[2]] == [46.0, 31.0, 12.5]


@pytest.fixture
def image() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))


def carried(source: Path, target: Path) -> Image.Image:
    picture = read_picture(source)
    write_picture(target, np.repeat(picture.pixels[..., :1], 3, axis=2), picture.metadata)
    if target.suffix != ".jpg":  # the metadata must not have moved a pixel
        np.testing.assert_array_equal(np.asarray(Image.open(target))[..., 0], picture.pixels[..., 0])
    return Image.open(target)


@pytest.mark.parametrize("target", ["png", "jpg", "tif"])
@pytest.mark.parametrize("source", ["png", "jpg", "tif"])
def test_exif_profile_and_resolution_between_formats(
    tmp_path: Path, image: Image.Image, source: str, target: str
) -> None:
    image.save(tmp_path / f"a.{source}", exif=exif_of_a_camera(), icc_profile=RGB_PROFILE, dpi=(300, 150))
    result = carried(tmp_path / f"a.{source}", tmp_path / f"b.{target}")
    check_camera(result)
    assert result.info["icc_profile"] == RGB_PROFILE
    assert [round(float(value)) for value in result.info["dpi"]] == [300, 150]


def test_big_endian_exif_reaches_tiff(tmp_path: Path, image: Image.Image) -> None:
    exif = exif_of_a_camera()
    exif.endian = ">"
    image.save(tmp_path / "a.jpg", exif=exif)
    check_camera(carried(tmp_path / "a.jpg", tmp_path / "b.tif"))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_profile_of_other_colours_is_dropped(tmp_path: Path, image: Image.Image, mode: str) -> None:
    space = {"L": b"GRAY", "CMYK": b"CMYK"}[mode]
    profile = RGB_PROFILE[:16] + space + RGB_PROFILE[20:]
    image.convert(mode).save(tmp_path / "a.jpg", icc_profile=profile)
    assert read_picture(tmp_path / "a.jpg").metadata.icc == profile
    assert "icc_profile" not in carried(tmp_path / "a.jpg", tmp_path / "b.png").info


def test_a_long_profile_in_several_segments(tmp_path: Path, image: Image.Image) -> None:
    long = RGB_PROFILE + np.random.default_rng(1).bytes(150_000)
    long = struct.pack(">I", len(long)) + long[4:]
    image.save(tmp_path / "a.png", icc_profile=long)
    assert carried(tmp_path / "a.png", tmp_path / "b.jpg").info["icc_profile"] == long
    assert carried(tmp_path / "b.jpg", tmp_path / "c.tif").info["icc_profile"] == long


@pytest.mark.parametrize("source", ["png", "jpg", "tif"])
@pytest.mark.parametrize("target", ["png", "jpg", "tif"])
def test_xmp_between_formats_says_upright(tmp_path: Path, image: Image.Image, source: str, target: str) -> None:
    path = tmp_path / f"a.{source}"
    if source == "png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
        image.save(path, pnginfo=info)
    elif source == "jpg":
        image.save(path, xmp=XMP)
    else:
        tifffile.imwrite(path, np.asarray(image), photometric="rgb", extratags=[(700, 1, len(XMP), XMP, True)])
    carried(path, tmp_path / f"b.{target}")
    assert read_picture(tmp_path / f"b.{target}").metadata.xmp == XMP.replace(b'="6"', b'="1"')
    assert b"tiff:Orientation" in (tmp_path / f"b.{target}").read_bytes()


def test_png_text(tmp_path: Path, image: Image.Image) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "A meadow")
    info.add_text("Comment", "long " * 500, zip=True)
    info.add_itxt("Author", "Zoë 草", zip=True)
    image.save(tmp_path / "a.png", pnginfo=info)
    result = carried(tmp_path / "a.png", tmp_path / "b.png")
    assert result.text == {"Title": "A meadow", "Comment": "long " * 500, "Author": "Zoë 草"}


@pytest.mark.parametrize("order", ["<", ">"])
def test_geotiff_tags_from_tiff_to_tiff(tmp_path: Path, order: str) -> None:
    band = np.arange(600, dtype=np.uint16).reshape(20, 30)
    tifffile.imwrite(tmp_path / "a.tif", band, byteorder=order, extratags=GEO_TAGS)
    carried_to = tmp_path / "b.tif"
    picture = read_picture(tmp_path / "a.tif")
    write_picture(carried_to, np.repeat(picture.pixels, 3, axis=2), picture.metadata)
    with tifffile.TiffFile(carried_to) as file:
        tags = file.pages[0].tags
        for code, _, _, value, _ in GEO_TAGS:
            assert tags[code].value == (value.decode() if isinstance(value, bytes) else value)
        assert file.pages[0].photometric == tifffile.PHOTOMETRIC.RGB
        np.testing.assert_array_equal(file.asarray()[..., 1], band)


def test_geotiff_tags_do_not_survive_a_turn(tmp_path: Path) -> None:
    turned = [*GEO_TAGS, (274, 3, 1, 6, True)]
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 30), np.uint8), extratags=turned)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.pixels.shape == (30, 20, 1)
    assert picture.metadata.tiff_tags == ()


def test_the_thumbnail_of_the_source_is_not_carried(tmp_path: Path, image: Image.Image) -> None:
    block = _with_thumbnail_list(exif_of_a_camera().tobytes().removeprefix(b"Exif\0\0"))
    assert _lists_in(block) == 2
    (tmp_path / "a.png").write_bytes(_png_with(image, block))
    result = carried(tmp_path / "a.png", tmp_path / "b.png")
    assert _lists_in(result.info["exif"].removeprefix(b"Exif\0\0")) == 1
    check_camera(result)


def test_metadata_too_large_for_jpeg_is_left_out(tmp_path: Path) -> None:
    metadata = Metadata(xmp=b"x" * 70_000, text=(("Key", "value"),))
    write_picture(tmp_path / "a.jpg", np.zeros((8, 8, 3), np.uint8), metadata)
    assert read_picture(tmp_path / "a.jpg").metadata.xmp is None


@pytest.mark.parametrize("target", ["png", "jpg", "tif"])
@pytest.mark.parametrize("unit", ["INCH", "CENTIMETER"])
def test_a_resolution_beyond_what_the_format_holds_is_cut(tmp_path: Path, target: str, unit: str) -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    largest = (2**32 - 1, 1)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", resolution=(largest, largest), resolutionunit=unit)
    metadata = read_picture(tmp_path / "a.tif").metadata
    assert metadata.dpi is not None
    assert min(metadata.dpi) >= 2**32 - 1
    write_picture(tmp_path / f"b.{target}", pixels, metadata)
    back = read_picture(tmp_path / f"b.{target}").metadata.dpi
    assert back is not None
    assert min(back) >= 65535


def test_a_profile_of_more_parts_than_jpeg_counts_is_left_out(tmp_path: Path) -> None:
    long = RGB_PROFILE + bytes(256 * 65519)
    metadata = Metadata(icc=struct.pack(">I", len(long)) + long[4:], xmp=XMP)
    write_picture(tmp_path / "a.jpg", np.zeros((8, 8, 3), np.uint8), metadata)
    back = read_picture(tmp_path / "a.jpg").metadata
    assert (back.icc, back.xmp) == (None, XMP.replace(b'="6"', b'="1"'))


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_metadata_that_cannot_be_written_never_costs_the_picture(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    impossible = Metadata(dpi=(float("nan"), 300.0), exif=b"II*\0\xff\xff\xff\xff")
    write_picture(tmp_path / name, pixels, impossible)
    np.testing.assert_array_equal(read_picture(tmp_path / name).pixels, pixels)
    assert "without its metadata" in caplog.text
    assert name in caplog.text


def test_a_small_file_cannot_unpack_into_a_large_profile(tmp_path: Path, image: Image.Image) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Bomb", "0" * 40_000_000, zip=True)
    image.save(tmp_path / "a.png", pnginfo=info)
    assert read_picture(tmp_path / "a.png").metadata.text == ()


def _lists_in(block: bytes) -> int:
    with tifffile.TiffFile(io.BytesIO(block)) as file:
        return len(file.pages)


def _with_thumbnail_list(block: bytes) -> bytes:
    order = "<" if block[:2] == b"II" else ">"
    (count,) = struct.unpack_from(order + "H", block, 8)
    patched = bytearray(block) + bytes(len(block) % 2)
    struct.pack_into(order + "I", patched, 10 + 12 * count, len(patched))
    return bytes(patched) + struct.pack(order + "HHHIHHI", 1, 259, 3, 1, 6, 0, 0)


def _png_with(image: Image.Image, exif: bytes) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", exif=exif)
    return buffer.getvalue()
