"""From file numbers to [0, 1] and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.color

from nirgan.data.convert import can_mean, from_unit, full_scale_of, to_source, to_target
from nirgan.data.files import Picture, is_picture, read_picture, write_picture
from nirgan.errors import NirganError

HERE = "some/a.png"


def picture(shape: tuple[int, int, int], dtype: type = np.uint8, seed: int = 0, **more: float) -> Picture:
    rng = np.random.default_rng(seed)
    if dtype == np.float32:
        return Picture(rng.random(shape, dtype=np.float32), **more)
    return Picture(rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype), **more)


class TestFullScale:
    def test_order(self) -> None:
        declared = picture((4, 4, 1), np.uint16, full_scale=1023)
        plain = picture((4, 4, 1), np.uint16)
        assert full_scale_of(declared, 4095, 16383) == 4095
        assert full_scale_of(declared, None, 16383) == 1023
        assert full_scale_of(plain, None, 16383) == 16383
        assert full_scale_of(plain) == 65535
        assert full_scale_of(picture((4, 4, 1))) == 255
        assert full_scale_of(picture((4, 4, 1), np.float32)) == 1

    @pytest.mark.parametrize(
        ("dtype", "weights", "expected"),
        [
            (np.uint8, 4095, 255),
            (np.uint16, 255, 65535),
            (np.uint8, 65535, 255),
            (np.float32, 65535, 1),
            (np.float32, 4095, 1),
            (np.uint8, 240, 240),
            (np.uint8, 1, 255),
            (np.uint16, 1, 65535),
            (np.uint16, 4095, 4095),
            (np.uint16, 70000, 65535),
        ],
    )
    def test_weights_trained_on_another_type_do_not_darken(self, dtype: type, weights: float, expected: float) -> None:
        assert full_scale_of(picture((4, 4, 1), dtype), None, weights) == expected

    def test_signed_16_bit_files_hold_half_as_much(self) -> None:
        signed = Picture(np.array([[[4095], [16]]], np.uint16), type_maximum=32767)
        assert full_scale_of(signed) == 32767
        assert full_scale_of(signed, None, 4095) == 4095
        assert full_scale_of(signed, None, 65535) == 32767
        assert not can_mean(40000, signed)

    def test_weights_reach_the_source_and_a_float_array_stays_as_it_is(self) -> None:
        twelve = Picture(np.array([[[0], [4095]]], np.uint16))
        np.testing.assert_array_equal(to_source(twelve, "nir2rgb", weights=4095, path=HERE), [[[0, 1]]])
        floats = picture((6, 9, 1), np.float32)
        array = to_source(floats, "nir2rgb", weights=4095, path=HERE)
        np.testing.assert_array_equal(array[0], floats.pixels[..., 0])

    def test_float_counts_ask_for_a_full_scale_whatever_the_weights_say(self) -> None:
        counts = Picture(picture((6, 9, 1), np.float32).pixels * 4095)
        with pytest.raises(NirganError, match="--full-scale"):
            to_source(counts, "nir2rgb", weights=4095, path=HERE)

    @pytest.mark.parametrize("given", [0, -1, float("nan"), float("inf")])
    def test_nonsense_is_refused(self, given: float) -> None:
        with pytest.raises(NirganError, match="positive"):
            full_scale_of(picture((4, 4, 1)), given)

    def test_the_brightness_of_a_picture_plays_no_part(self) -> None:
        bright = picture((8, 8, 1), np.uint16)
        dark = Picture(bright.pixels // 16)
        ratio = to_source(bright, "nir2rgb", path=HERE).mean() / to_source(dark, "nir2rgb", path=HERE).mean()
        assert ratio == pytest.approx(16, rel=0.01)


class TestNearInfrared:
    @pytest.mark.parametrize(("dtype", "full_scale"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
    def test_one_channel(self, dtype: type, full_scale: float) -> None:
        source = picture((6, 9, 1), dtype)
        array = to_source(source, "nir2rgb", path=HERE)
        assert (array.dtype, array.shape) == (np.float32, (1, 6, 9))
        np.testing.assert_allclose(array[0], source.pixels[..., 0] / full_scale, rtol=1e-6)

    def test_white_is_exactly_one_and_more_is_cut(self) -> None:
        source = Picture(np.array([[[0], [4095], [4096]]], np.uint16))
        np.testing.assert_array_equal(to_source(source, "nir2rgb", full_scale=4095, path=HERE), [[[0, 1, 1]]])

    def test_three_equal_channels_are_one(self) -> None:
        one = picture((6, 9, 1))
        three = Picture(np.repeat(one.pixels, 3, axis=2))
        np.testing.assert_array_equal(to_source(three, "nir2rgb", path=HERE), to_source(one, "nir2rgb", path=HERE))

    def test_three_channels_some_levels_apart_are_one(self) -> None:
        one = picture((40, 40, 1)).pixels.astype(int).clip(5, 250)
        apart = np.random.default_rng(1).integers(-2, 3, (40, 40, 3))
        array = to_source(Picture((one + apart).astype(np.uint8)), "nir2rgb", path=HERE)
        np.testing.assert_allclose(array[0] * 255, one[..., 0] + apart.mean(axis=2), atol=1e-3)

    def test_three_different_channels_ask_for_a_band(self) -> None:
        three = picture((6, 9, 3))
        with pytest.raises(NirganError, match=r"some/a\.png: its three channels differ .*--band"):
            to_source(three, "nir2rgb", path=HERE)
        for band in (1, 2, 3):
            array = to_source(three, "nir2rgb", band=band, path=HERE)
            np.testing.assert_allclose(array[0], three.pixels[..., band - 1] / 255, rtol=1e-6)

    def test_a_dark_12_bit_picture_is_judged_by_its_own_light(self) -> None:
        three = Picture(picture((20, 20, 3), np.uint16).pixels // 32)  # everything below 3 % of full scale
        with pytest.raises(NirganError, match="differ"):
            to_source(three, "nir2rgb", path=HERE)

    @pytest.mark.parametrize("channels", [2, 4, 13])
    def test_several_bands_are_all_taken(self, channels: int) -> None:
        bands = picture((6, 9, channels), np.uint16)
        array = to_source(bands, "nir2rgb", path=HERE)
        np.testing.assert_allclose(array, bands.pixels.transpose(2, 0, 1) / 65535, rtol=1e-6)

    @pytest.mark.parametrize("band", [0, 5, -1])
    def test_a_band_that_is_not_there(self, band: int) -> None:
        with pytest.raises(NirganError, match=f"band {band} of 4"):
            to_source(picture((6, 9, 4)), "nir2rgb", band=band, path=HERE)

    def test_floats_far_above_one_ask_for_a_full_scale(self) -> None:
        counts = Picture(picture((6, 9, 1), np.float32).pixels * 4095)
        with pytest.raises(NirganError, match="--full-scale"):
            to_source(counts, "nir2rgb", path=HERE)
        array = to_source(counts, "nir2rgb", full_scale=4095, path=HERE)
        np.testing.assert_allclose(array[0], counts.pixels[..., 0] / 4095, rtol=1e-6)

    def test_values_above_the_full_scale_are_told(self, caplog: pytest.LogCaptureFixture) -> None:
        to_source(picture((6, 9, 1), np.uint16), "nir2rgb", full_scale=4095, path=HERE)
        assert HERE in caplog.text
        assert "above the full scale 4095" in caplog.text


class TestGray:
    def test_lightness_of_rgb_equals_skimage(self) -> None:
        colour = picture((6, 9, 3))
        array = to_source(colour, "gray2rgb", path=HERE)
        expected = skimage.color.rgb2lab(colour.pixels)[..., 0] / 100
        np.testing.assert_allclose(array[0], expected, atol=1e-4)

    def test_a_gray_level_is_lightness_too(self) -> None:
        gray = picture((6, 9, 1))
        expected = skimage.color.rgb2lab(np.repeat(gray.pixels, 3, axis=2))[..., 0] / 100
        np.testing.assert_allclose(to_source(gray, "gray2rgb", path=HERE)[0], expected, atol=1e-4)

    def test_four_channels_need_a_band(self) -> None:
        four = picture((6, 9, 4))
        with pytest.raises(NirganError, match="neither grey nor RGB"):
            to_source(four, "gray2rgb", path=HERE)
        one = Picture(four.pixels[..., 3:])
        np.testing.assert_array_equal(
            to_source(four, "gray2rgb", band=4, path=HERE), to_source(one, "gray2rgb", path=HERE)
        )


class TestTarget:
    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
    def test_by_full_scale(self, dtype: type) -> None:
        colour = picture((6, 9, 3), dtype)
        array = to_target(colour, HERE)
        assert (array.dtype, array.shape) == (np.float32, (3, 6, 9))
        np.testing.assert_allclose(array, colour.pixels.transpose(2, 0, 1) / np.iinfo(dtype).max, rtol=1e-6)

    @pytest.mark.parametrize(("channels", "words"), [(1, "is grey"), (4, "has 4 channels")])
    def test_no_colour_picture(self, channels: int, words: str) -> None:
        with pytest.raises(NirganError, match=rf"some/a\.png.*{words}"):
            to_target(picture((6, 9, channels)), HERE)


class TestBack:
    def test_nearest_level_and_limits(self) -> None:
        values = np.array([-0.1, 0.0, 0.49 / 255, 0.51 / 255, 1.0, 1.7], np.float32)
        rgb = np.tile(values, (3, 1, 1))
        np.testing.assert_array_equal(from_unit(rgb, 8)[0, :, 1], [0, 0, 0, 1, 255, 255])

    @pytest.mark.parametrize(("depth", "dtype"), [(8, np.uint8), (16, np.uint16)])
    def test_every_level_comes_back(self, depth: int, dtype: type) -> None:
        levels = np.arange(2**depth).astype(dtype)
        pixels = np.stack([levels, levels[::-1], levels], axis=1)[None]
        np.testing.assert_array_equal(from_unit(to_target(Picture(pixels), HERE), depth), pixels)

    def test_16_bits_from_file_to_file(self, tmp_path: Path) -> None:
        pixels = picture((31, 17, 3), np.uint16).pixels
        write_picture(tmp_path / "a.tif", pixels)
        unit = to_target(read_picture(tmp_path / "a.tif"), tmp_path / "a.tif")
        write_picture(tmp_path / "b.png", from_unit(unit, 16))
        np.testing.assert_array_equal(read_picture(tmp_path / "b.png").pixels, pixels)


class TestRealFiles:
    def test_near_infrared_jpegs_with_three_equal_channels(self, real_data: Path) -> None:
        for path in sorted((real_data / "nir-unregistered" / "nir").iterdir()):
            array = to_source(read_picture(path), "nir2rgb", path=path)
            assert array.shape[0] == 1
            assert 0.1 < array.mean() < 0.9

    def test_old_photographs_are_one_channel_and_sepia_is_not(self, real_data: Path) -> None:
        for name in ("buffalo_1908", "detroit_1915", "hilbert_1912", "migrant_mother_1936"):
            path = real_data / "legacy" / f"{name}.jpg"
            assert to_source(read_picture(path), "nir2rgb", path=path).shape[0] == 1
        sepia = real_data / "legacy" / "scratched_a.jpg"
        with pytest.raises(NirganError, match="--band"):
            to_source(read_picture(sepia), "nir2rgb", path=sepia)
        assert to_source(read_picture(sepia), "gray2rgb", path=sepia).shape[0] == 1

    def test_no_colour_photograph_passes_for_near_infrared(self, real_data: Path) -> None:
        for path in [p for p in (real_data / "nir-scenes" / "rgb").iterdir() if is_picture(p)][::4]:
            with pytest.raises(NirganError, match="--band"):
                to_source(read_picture(path), "nir2rgb", path=path)

    def test_satellite_band_by_full_scale(self, real_data: Path) -> None:
        path = real_data / "nir-16bit" / "landsat_nir.tif"
        array = to_source(read_picture(path), "nir2rgb", path=path)
        assert 0.05 < array.min() < 0.2
        assert 0.8 < array.max() < 0.95
