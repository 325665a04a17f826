"""Picture files, compared with Pillow and tifffile where those can read them."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from nirgan.data.files import is_picture, picture_shape, read_picture, write_picture
from nirgan.errors import NirganError


@pytest.fixture
def colour() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 37, 3), dtype=np.uint8)


@pytest.fixture
def gray16() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 65536, (24, 37), dtype=np.uint16)


def smooth_colour() -> np.ndarray:
    rows, columns = np.mgrid[0:24, 0:37]
    return np.stack([rows * 10, columns * 6, 255 - rows * 5], axis=2).astype(np.uint8)


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def with_chunk(path: Path, kind: bytes, data: bytes) -> Path:
    content = path.read_bytes()
    chunk = struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(content[:33] + chunk + content[33:])
    return path


def refusal(path: Path, **options: int) -> str:
    with pytest.raises(NirganError) as caught:
        read_picture(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


class TestPng:
    @pytest.mark.parametrize("mode", ["RGB", "L", "1", "P"])
    def test_equals_pillow(self, tmp_path: Path, colour: np.ndarray, mode: str) -> None:
        image = Image.fromarray(colour).convert(mode)
        path = saved(tmp_path / "a.png", image)
        expected = np.asarray(image.convert("RGB" if mode in ("RGB", "P") else "L"))
        pixels = read_picture(path).pixels
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels.squeeze(), expected)
        assert picture_shape(path) == pixels.shape

    def test_16_bit_gray_stays_16_bit(self, tmp_path: Path, gray16: np.ndarray) -> None:
        path = saved(tmp_path / "a.png", Image.fromarray(gray16))
        picture = read_picture(path)
        assert picture.pixels.dtype == np.uint16
        np.testing.assert_array_equal(picture.pixels[..., 0], gray16)
        assert picture.full_scale is None

    @pytest.mark.parametrize(("mode", "channels"), [("RGBA", 3), ("LA", 1)])
    def test_opaque_alpha_is_dropped(self, tmp_path: Path, colour: np.ndarray, mode: str, channels: int) -> None:
        image = Image.fromarray(colour).convert(mode)
        path = saved(tmp_path / "a.png", image)
        expected = np.asarray(image)[..., :channels]
        np.testing.assert_array_equal(read_picture(path).pixels, expected)
        assert picture_shape(path) == (24, 37, channels)

    @pytest.mark.parametrize("mode", ["RGBA", "LA"])
    def test_transparency_is_refused(self, tmp_path: Path, colour: np.ndarray, mode: str) -> None:
        image = Image.fromarray(colour).convert(mode)
        image.putpixel((3, 4), (0,) * len(mode))
        assert "transparent" in refusal(saved(tmp_path / "a.png", image))

    @pytest.mark.parametrize("mode", ["L", "RGB", "P"])
    def test_a_transparent_colour_is_refused_only_where_it_occurs(
        self, tmp_path: Path, colour: np.ndarray, mode: str
    ) -> None:
        image = Image.fromarray(colour).convert(mode)
        used = image.getpixel((0, 0))
        assert "transparent" in refusal(saved(tmp_path / "used.png", image, transparency=used))
        if mode != "P":
            levels = np.asarray(image).reshape(-1, 3 if mode == "RGB" else 1)
            free = next(v for v in range(256) if v not in levels[:, 0])
            unused = free if mode == "L" else (free, 0, 0)
            path = saved(tmp_path / "unused.png", image, transparency=unused)
            np.testing.assert_array_equal(read_picture(path).pixels.squeeze(), np.asarray(image))

    def test_odd_file_name(self, tmp_path: Path, colour: np.ndarray) -> None:
        path = saved(tmp_path / "Wiese im Süden 草地.PNG", Image.fromarray(colour), format="PNG")
        np.testing.assert_array_equal(read_picture(path).pixels, colour)

    def test_cut_file_is_refused(self, tmp_path: Path, colour: np.ndarray) -> None:
        content = saved(tmp_path / "a.png", Image.fromarray(colour)).read_bytes()
        for size in (20, 60, len(content) // 2, len(content) - 1):
            cut = tmp_path / f"cut_{size}.png"
            cut.write_bytes(content[:size])
            refusal(cut)

    def test_flipped_byte_is_refused_and_nothing_is_printed(
        self, tmp_path: Path, colour: np.ndarray, capfd: pytest.CaptureFixture[str]
    ) -> None:
        path = saved(tmp_path / "a.png", Image.fromarray(colour))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(bytes(content))
        assert "damaged" in refusal(path)
        assert capfd.readouterr() == ("", "")

    def test_unspread_12_bit_samples_have_the_declared_full_scale(self, tmp_path: Path, gray16: np.ndarray) -> None:
        twelve = gray16 >> 4
        path = with_chunk(saved(tmp_path / "a.png", Image.fromarray(twelve)), b"sBIT", b"\x0c")
        picture = read_picture(path)
        assert picture.full_scale == 4095
        np.testing.assert_array_equal(picture.pixels[..., 0], twelve)

    @pytest.mark.parametrize("dark", [1, 40])
    def test_spread_12_bit_samples_have_the_whole_range(self, tmp_path: Path, gray16: np.ndarray, dark: int) -> None:
        spread = ((gray16 >> 4) // dark) << 4
        path = with_chunk(saved(tmp_path / "a.png", Image.fromarray(spread)), b"sBIT", b"\x0c")
        assert read_picture(path).full_scale is None

    @pytest.mark.parametrize("bits", [9, 10, 12, 14, 15])
    @pytest.mark.parametrize("way", ["shifted", "repeated", "rounded", "cut"])
    @pytest.mark.parametrize("dark", [True, False])
    def test_every_usual_way_to_spread_samples_is_known_in_dark_frames_too(
        self, tmp_path: Path, bits: int, way: str, dark: bool
    ) -> None:
        limit = 2 ** (2 * bits - 16) if dark else 2**bits  # dark: all stay below the unspread full scale
        samples = np.random.default_rng(3).integers(0, limit, (20, 30)).astype(np.float64)
        unit = samples / (2**bits - 1)
        spread = {
            "shifted": samples * 2 ** (16 - bits),
            "repeated": samples * 2 ** (16 - bits) + samples // 2 ** (2 * bits - 16),
            "rounded": np.round(unit * 65535),
            "cut": np.floor(unit * 65535 + 1e-9),
        }[way].astype(np.uint16)
        path = with_chunk(saved(tmp_path / "a.png", Image.fromarray(spread)), b"sBIT", bytes([bits]))
        assert read_picture(path).full_scale is None

    def test_a_dark_frame_of_unspread_samples_has_the_declared_full_scale(self, tmp_path: Path) -> None:
        dark = np.random.default_rng(4).integers(0, 40, (20, 30), dtype=np.uint16)
        path = with_chunk(saved(tmp_path / "a.png", Image.fromarray(dark)), b"sBIT", b"\x0c")
        assert read_picture(path).full_scale == 4095

    def test_black_is_read_as_the_specification_has_it(self, tmp_path: Path) -> None:
        black = Image.fromarray(np.zeros((8, 8), np.uint16))
        assert read_picture(with_chunk(saved(tmp_path / "a.png", black), b"sBIT", b"\x0c")).full_scale is None

    def test_full_scale_is_never_taken_from_the_pixels(self, tmp_path: Path, gray16: np.ndarray) -> None:
        assert read_picture(saved(tmp_path / "a.png", Image.fromarray(gray16 >> 4))).full_scale is None


class TestJpeg:
    @pytest.mark.parametrize("mode", ["RGB", "L"])
    def test_equals_pillow(self, tmp_path: Path, mode: str) -> None:
        path = saved(tmp_path / "a.jpg", Image.fromarray(smooth_colour()).convert(mode), quality=95, subsampling=0)
        expected = np.asarray(Image.open(path)).astype(int)
        picture = read_picture(path)
        assert np.abs(picture.pixels.squeeze().astype(int) - expected).max() <= 1
        assert picture_shape(path) == picture.pixels.shape

    def test_cmyk_becomes_rgb(self, tmp_path: Path) -> None:
        rgb = smooth_colour()
        path = saved(tmp_path / "a.jpg", Image.fromarray(rgb).convert("CMYK"), quality=98, subsampling=0)
        expected = np.asarray(Image.open(path).convert("RGB")).astype(int)
        assert picture_shape(path) == rgb.shape
        assert np.abs(read_picture(path).pixels.astype(int) - expected).max() <= 3

    def test_cut_file_is_refused_instead_of_filled_with_gray(self, tmp_path: Path) -> None:
        content = saved(tmp_path / "a.jpg", Image.fromarray(smooth_colour()), quality=95).read_bytes()
        for size in (3, 30, len(content) // 2, len(content) - 2):
            cut = tmp_path / f"cut_{size}.jpg"
            cut.write_bytes(content[:size])
            refusal(cut)

    def test_bytes_after_the_end_do_no_harm(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "a.jpg", Image.fromarray(smooth_colour()), quality=95)
        before = read_picture(path).pixels
        path.write_bytes(path.read_bytes() + b"a phone's film" * 50)
        np.testing.assert_array_equal(read_picture(path).pixels, before)


class TestTiff:
    @pytest.mark.parametrize("dtype", ["u1", ">u2", "<u2", "f2", "f4", "f8"])
    @pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
    def test_numbers_are_kept(self, tmp_path: Path, dtype: str, compression: str | None) -> None:
        rng = np.random.default_rng(2)
        kind = np.dtype(dtype)
        array = rng.random((20, 31)).astype(kind) if kind.kind == "f" else rng.integers(0, 255, (20, 31)).astype(kind)
        order = dtype[0] if dtype[0] in "<>" else None
        tifffile.imwrite(tmp_path / "a.tif", array, compression=compression, byteorder=order)
        picture = read_picture(tmp_path / "a.tif")
        assert picture.pixels.dtype == (np.float32 if kind.kind == "f" else kind.newbyteorder("="))
        np.testing.assert_array_equal(picture.pixels[..., 0], array.astype(picture.pixels.dtype))
        assert picture_shape(tmp_path / "a.tif") == (20, 31, 1)

    @pytest.mark.parametrize("planar", ["contig", "separate"])
    @pytest.mark.parametrize("bands", [2, 3, 5])
    def test_bands_in_either_planar_configuration(self, tmp_path: Path, planar: str, bands: int) -> None:
        array = np.random.default_rng(3).integers(0, 65536, (20, 31, bands), dtype=np.uint16)
        stored = array if planar == "contig" else array.transpose(2, 0, 1)
        options = {"extrasamples": ["unspecified"] * (bands - 1)} if bands != 3 else {}
        photometric = "rgb" if bands == 3 else "minisblack"
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric=photometric, planarconfig=planar, **options)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, array)
        assert picture_shape(tmp_path / "a.tif") == array.shape

    def test_bands_on_pages_are_channels(self, tmp_path: Path) -> None:
        bands = np.random.default_rng(4).integers(0, 65536, (4, 20, 31), dtype=np.uint16)
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            for band in bands:
                file.write(band, contiguous=False)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, bands.transpose(1, 2, 0))
        assert picture_shape(tmp_path / "a.tif") == (20, 31, 4)

    def test_channels_last_that_were_saved_as_pages(self, tmp_path: Path) -> None:
        array = np.random.default_rng(4).integers(0, 256, (40, 31, 5), dtype=np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack")
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, array)
        assert picture_shape(tmp_path / "a.tif") == (40, 31, 5)

    @pytest.mark.parametrize("marked", [True, False])
    def test_a_pyramid_is_its_full_picture(self, tmp_path: Path, gray16: np.ndarray, marked: bool) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            file.write(gray16)
            file.write(gray16[::2, ::2].copy(), subfiletype=1 if marked else 0)
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels[..., 0], gray16)

    def test_several_pictures_are_refused(self, tmp_path: Path, colour: np.ndarray) -> None:
        with tifffile.TiffWriter(tmp_path / "a.tif") as file:
            file.write(colour, photometric="rgb")
            file.write(colour[::-1].copy(), photometric="rgb")
        assert "2 pictures" in refusal(tmp_path / "a.tif")

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_white_is_zero_is_turned_round(self, tmp_path: Path, dtype: type) -> None:
        array = np.random.default_rng(5).integers(0, 200, (20, 31)).astype(dtype)
        tifffile.imwrite(tmp_path / "a.tif", array, photometric="miniswhite")
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels[..., 0], np.iinfo(dtype).max - array)

    @pytest.mark.parametrize("compression", ["raw", "group4"])
    def test_one_bit_equals_pillow(self, tmp_path: Path, colour: np.ndarray, compression: str) -> None:
        image = Image.fromarray(colour).convert("1")
        path = saved(tmp_path / "a.tif", image, compression=compression)
        np.testing.assert_array_equal(read_picture(path).pixels[..., 0], np.asarray(image.convert("L")))

    @pytest.mark.parametrize("mode", ["P", "CMYK"])
    def test_palette_and_cmyk_become_rgb(self, tmp_path: Path, colour: np.ndarray, mode: str) -> None:
        image = Image.fromarray(colour).convert(mode)
        path = saved(tmp_path / "a.tif", image)
        pixels = read_picture(path).pixels
        assert pixels.shape == colour.shape == picture_shape(path)
        # Pillow rounds (1 - ink)(1 - black) in two integer steps.
        assert np.abs(pixels.astype(int) - np.asarray(image.convert("RGB")).astype(int)).max() <= (mode == "CMYK")

    def test_lab_is_refused(self, tmp_path: Path, colour: np.ndarray) -> None:
        path = saved(tmp_path / "a.tif", Image.fromarray(colour).convert("LAB"))
        assert "Lab" in refusal(path)

    @pytest.mark.parametrize("bits", [10, 12, 14])
    def test_packed_samples_declare_their_full_scale(self, tmp_path: Path, bits: int) -> None:
        array = np.random.default_rng(6).integers(0, 2**bits, (20, 32), dtype=np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", array, bitspersample=bits)
        picture = read_picture(tmp_path / "a.tif")
        np.testing.assert_array_equal(picture.pixels[..., 0], array)
        assert picture.full_scale == 2**bits - 1

    @pytest.mark.parametrize(("tag", "value", "expected"), [(281, 4095, 4095), (281, 23817, None), (50717, 3850, 3850)])
    def test_declared_white(
        self, tmp_path: Path, gray16: np.ndarray, tag: int, value: int, expected: float | None
    ) -> None:
        tifffile.imwrite(tmp_path / "a.tif", gray16 >> 4, extratags=[(tag, 3, 1, value, True)])
        assert read_picture(tmp_path / "a.tif").full_scale == expected

    def test_signed_numbers(self, tmp_path: Path, gray16: np.ndarray) -> None:
        signed = (gray16 >> 1).astype(np.int16)
        tifffile.imwrite(tmp_path / "a.tif", signed)
        picture = read_picture(tmp_path / "a.tif")
        np.testing.assert_array_equal(picture.pixels[..., 0], signed)
        assert (picture.pixels.dtype, picture.full_scale, picture.type_maximum) == (np.uint16, None, 32767)
        tifffile.imwrite(tmp_path / "b.tif", signed - signed.max())
        assert "signed" in refusal(tmp_path / "b.tif")

    @pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.complex64])
    def test_other_numbers_are_refused(self, tmp_path: Path, dtype: type) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 31), dtype))
        assert "save it as 8-bit, 16-bit or float" in refusal(tmp_path / "a.tif")

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_nan_and_infinity_are_refused(self, tmp_path: Path, value: float) -> None:
        array = np.zeros((10, 10), np.float32)
        array[2, 3] = value
        tifffile.imwrite(tmp_path / "a.tif", array)
        assert "1.00% of its values are NaN or infinite" in refusal(tmp_path / "a.tif")

    @pytest.mark.parametrize("compression", [None, "zlib"])
    def test_cut_file_is_refused(self, tmp_path: Path, gray16: np.ndarray, compression: str | None) -> None:
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, gray16, compression=compression)
        content = buffer.getvalue()
        for size in (6, 100, len(content) // 2, len(content) - 1):
            cut = tmp_path / f"cut_{size}.tif"
            cut.write_bytes(content[:size])
            refusal(cut)

    def test_opaque_alpha_is_dropped_and_a_fourth_band_kept(self, tmp_path: Path, colour: np.ndarray) -> None:
        four = np.concatenate([colour, np.full((24, 37, 1), 255, np.uint8)], axis=2)
        tifffile.imwrite(tmp_path / "alpha.tif", four, photometric="rgb", extrasamples=["unassalpha"])
        tifffile.imwrite(tmp_path / "band.tif", four, photometric="rgb", extrasamples=["unspecified"])
        np.testing.assert_array_equal(read_picture(tmp_path / "alpha.tif").pixels, colour)
        np.testing.assert_array_equal(read_picture(tmp_path / "band.tif").pixels, four)
        assert picture_shape(tmp_path / "alpha.tif")[2] == 3
        assert picture_shape(tmp_path / "band.tif")[2] == 4


class TestOrientation:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("suffix", ["png", "jpg"])
    def test_equals_pillow(self, tmp_path: Path, orientation: int, suffix: str) -> None:
        exif = Image.Exif()
        exif[274] = orientation
        path = saved(tmp_path / f"a.{suffix}", Image.fromarray(smooth_colour()), exif=exif)
        expected = np.asarray(ImageOps.exif_transpose(Image.open(path))).astype(int)
        picture = read_picture(path)
        assert picture.pixels.shape == expected.shape == picture_shape(path)
        assert np.abs(picture.pixels.astype(int) - expected).max() <= (1 if suffix == "jpg" else 0)
        write_picture(tmp_path / "out.png", picture.pixels, picture.metadata)
        assert Image.open(tmp_path / "out.png").getexif()[274] == 1

    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_tiff_equals_pillow(self, tmp_path: Path, colour: np.ndarray, orientation: int) -> None:
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, colour, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
        expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
        np.testing.assert_array_equal(read_picture(path).pixels, expected)
        assert picture_shape(path) == expected.shape

    def test_damaged_exif_is_no_reason_to_refuse(self, tmp_path: Path, colour: np.ndarray) -> None:
        blocks = [b"", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff" + bytes(40), b"nonsense" * 9]
        blocks.append(b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\xff\xff\xff\xff")
        for number, block in enumerate(blocks):
            path = with_chunk(saved(tmp_path / f"{number}.png", Image.fromarray(colour)), b"eXIf", block)
            picture = read_picture(path)
            np.testing.assert_array_equal(picture.pixels, colour)
            for suffix in ("png", "jpg", "tif"):
                write_picture(tmp_path / f"out_{number}.{suffix}", picture.pixels, picture.metadata)


class TestRefusals:
    def test_content_decides_not_the_name(self, tmp_path: Path, colour: np.ndarray) -> None:
        path = saved(tmp_path / "really_a.jpg", Image.fromarray(colour), format="PNG")
        np.testing.assert_array_equal(read_picture(path).pixels, colour)

    @pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
    def test_no_picture(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("This is a text.")
        assert "not a PNG, JPEG or TIFF" in refusal(tmp_path / name)
        (tmp_path / name).write_bytes(b"")
        assert "empty" in refusal(tmp_path / name)
        with pytest.raises(NirganError, match="empty"):
            picture_shape(tmp_path / name)
        (tmp_path / name).unlink()
        assert "No such file" in refusal(tmp_path / name)

    def test_a_folder_is_no_picture(self, tmp_path: Path) -> None:
        assert "directory" in refusal(tmp_path).lower()

    @pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
    def test_size_is_checked_before_decoding(self, tmp_path: Path, colour: np.ndarray, suffix: str) -> None:
        path = saved(tmp_path / f"a.{suffix}", Image.fromarray(colour))
        assert "37x24 pixels are more than the limit of 800" in refusal(path, max_pixels=800)
        assert read_picture(path, max_pixels=24 * 37).pixels.shape == colour.shape

    def test_a_header_that_promises_too_much(self, tmp_path: Path) -> None:
        ihdr = struct.pack(">IIBBBBB", 100_000, 100_000, 16, 2, 0, 0, 0)
        body = b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in ((b"IHDR", ihdr), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
        )
        (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
        assert "100000x100000" in refusal(tmp_path / "bomb.png")

    @pytest.mark.parametrize("first", ["small", "large"])
    def test_a_second_header_cannot_hide_the_size(self, tmp_path: Path, colour: np.ndarray, first: str) -> None:
        path = saved(tmp_path / "a.png", Image.fromarray(colour))
        content = path.read_bytes()
        data = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
        large = struct.pack(">I", 13) + b"IHDR" + data + struct.pack(">I", zlib.crc32(b"IHDR" + data))
        at = 33 if first == "small" else 8
        path.write_bytes(content[:at] + large + content[at:])
        assert "two PNG headers" in refusal(path)
        with pytest.raises(NirganError, match="two PNG headers"):
            picture_shape(path)

    def test_tiles_count_for_the_size(self, tmp_path: Path, colour: np.ndarray) -> None:
        tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb", tile=(512, 512), compression="zlib")
        assert "tiles of 262,144 pixels are more than the limit of 10,000" in refusal(
            tmp_path / "a.tif", max_pixels=10_000
        )
        np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, colour)

    @pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
    def test_cut_files_show_in_their_headers(self, tmp_path: Path, suffix: str) -> None:
        content = saved(tmp_path / f"a.{suffix}", Image.fromarray(smooth_colour())).read_bytes()
        for size in (len(content) // 2, len(content) - 2):
            (tmp_path / f"cut.{suffix}").write_bytes(content[:size])
            with pytest.raises(NirganError, match="cut"):
                picture_shape(tmp_path / f"cut.{suffix}")

    @pytest.mark.parametrize("tile", [None, (16, 16)])
    def test_the_header_of_a_large_tiff_is_not_the_whole_file(
        self, tmp_path: Path, tile: tuple[int, int] | None
    ) -> None:
        tifffile.imwrite(tmp_path / "a.tif", np.zeros((1000, 4000), np.uint16), tile=tile)
        tracemalloc.start()
        try:
            assert picture_shape(tmp_path / "a.tif") == (1000, 4000, 1)
            assert tracemalloc.get_traced_memory()[1] < 4_000_000  # the file has 8 MB
        finally:
            tracemalloc.stop()

    def test_random_damage_never_escapes_as_another_error(self, tmp_path: Path, colour: np.ndarray) -> None:
        rng = np.random.default_rng(8)
        exif = Image.Exif()
        exif[271], exif[274] = "Maker", 6
        for suffix in ("png", "jpg", "tif"):
            content = saved(tmp_path / f"a.{suffix}", Image.fromarray(colour), exif=exif).read_bytes()
            for _ in range(40):
                damaged = bytearray(content)
                for at in rng.integers(0, min(len(content), 400), 4):
                    damaged[at] = rng.integers(0, 256)
                (tmp_path / "damaged").write_bytes(bytes(damaged))
                with contextlib.suppress(NirganError):
                    picture = read_picture(tmp_path / "damaged", max_pixels=10_000)
                    gray = np.zeros((8, 8, 1), np.uint8)
                    for result in ("out.tif", "out.png", "out.jpg"):
                        write_picture(tmp_path / result, gray, picture.metadata)

    def test_hidden_files_are_no_pictures(self) -> None:
        assert is_picture(Path("a/b.TIFF"))
        assert not is_picture(Path("a/._b.png"))
        assert not is_picture(Path("a/b.txt"))


class TestWrite:
    @pytest.mark.parametrize("suffix", ["png", "tif", "tiff"])
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_lossless(self, tmp_path: Path, suffix: str, dtype: type) -> None:
        pixels = np.random.default_rng(9).integers(0, np.iinfo(dtype).max + 1, (25, 39, 3)).astype(dtype)
        path = tmp_path / "new" / f"a.{suffix}"
        write_picture(path, pixels)
        back = read_picture(path).pixels
        assert back.dtype == dtype
        np.testing.assert_array_equal(back, pixels)
        if suffix != "png":
            np.testing.assert_array_equal(tifffile.imread(path), pixels)
        elif dtype == np.uint8:
            np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels)

    def test_jpeg_keeps_colour_sharp(self, tmp_path: Path) -> None:
        stripes = np.zeros((32, 32, 3), np.uint8)
        stripes[:, ::2] = (220, 30, 30)
        stripes[:, 1::2] = (30, 30, 220)
        write_picture(tmp_path / "a.jpg", stripes)
        difference = np.abs(np.asarray(Image.open(tmp_path / "a.jpg")).astype(int) - stripes)
        assert difference.mean() < 8  # with 4:2:0 the two colours would mix: about 90

    def test_gray(self, tmp_path: Path, gray16: np.ndarray) -> None:
        for name in ("a.png", "a.tif"):
            write_picture(tmp_path / name, gray16[..., None])
            np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / name)), gray16)

    def test_16_bits_do_not_fit_into_jpeg(self, tmp_path: Path) -> None:
        with pytest.raises(NirganError, match=r"a\.jpg: JPEG holds 8 bits"):
            write_picture(tmp_path / "a.jpg", np.zeros((8, 8, 3), np.uint16))
        assert not (tmp_path / "a.jpg").exists()

    def test_jpeg_has_a_largest_side(self, tmp_path: Path) -> None:
        with pytest.raises(NirganError, match=r"a\.jpg: JPEG holds 65500 pixels a side"):
            write_picture(tmp_path / "a.jpg", np.zeros((2, 65501, 3), np.uint8))

    def test_unknown_suffix(self, tmp_path: Path) -> None:
        with pytest.raises(NirganError, match=r"cannot write '\.bmp'"):
            write_picture(tmp_path / "a.bmp", np.zeros((8, 8, 3), np.uint8))

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way")
        with pytest.raises(NirganError, match="cannot be written"):
            write_picture(tmp_path / "file" / "a.png", np.zeros((8, 8, 3), np.uint8))


class TestRealFiles:
    def test_satellite_bands_keep_16_bits(self, real_data: Path, tmp_path: Path) -> None:
        path = real_data / "nir-16bit" / "landsat_nir.tif"
        picture = read_picture(path)
        expected = tifffile.imread(path)
        np.testing.assert_array_equal(picture.pixels[..., 0], expected)
        assert picture.pixels.max() > 50_000
        colours = [read_picture(real_data / "nir-16bit" / f"landsat_{c}.tif").pixels for c in ("red", "green", "blue")]
        rgb = np.concatenate(colours, axis=2)
        write_picture(tmp_path / "rgb.png", rgb)
        np.testing.assert_array_equal(read_picture(tmp_path / "rgb.png").pixels, rgb)

    @pytest.mark.parametrize("folder", ["nir-original", "legacy", "photos-full"])
    def test_equal_pillow(self, real_data: Path, folder: str) -> None:
        paths = [path for path in (real_data / folder).rglob("*") if is_picture(path)]
        assert paths
        for path in paths:
            picture = read_picture(path)
            expected = np.asarray(Image.open(path)).astype(int)
            # Two JPEG decoders may differ where they smooth colour between its samples.
            assert np.abs(picture.pixels.squeeze().astype(int) - expected).mean() < (1 if "jp" in path.suffix else 1e-9)
            assert picture_shape(path) == picture.pixels.shape
