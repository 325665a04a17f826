"""Built-in scenes: the same every time, physically plausible, and misaligned exactly as they say."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirgan.data.files import read_picture
from nirgan.data.scenes import materials
from nirgan.data.scenes.compose import CATEGORIES, paint
from nirgan.data.scenes.dice import Dice
from nirgan.data.synth import render, write_scenes
from nirgan.errors import NirganError


def test_same_seed_and_index_same_scene() -> None:
    first, again, other = (render(3, index, height=64, width=80) for index in (5, 5, 11))
    np.testing.assert_array_equal(first.rgb, again.rgb)
    np.testing.assert_array_equal(first.nir, again.nir)
    assert first.category == other.category
    assert np.abs(first.rgb - other.rgb).mean() > 0.02


def test_numpy_state_plays_no_part() -> None:
    np.random.seed(1)
    first = render(0, 0, height=48, width=48).rgb
    np.random.seed(2)
    np.testing.assert_array_equal(first, render(0, 0, height=48, width=48).rgb)


def test_dice_are_raw_pcg64() -> None:
    # Worked with NumPy's documented way from 64 raw bits to a double: the upper 53 bits.
    dice, raw = Dice(4, 2), np.random.PCG64(np.random.SeedSequence([4, 2]))
    assert [dice.uniform() for _ in range(3)] == [(int(raw.random_raw()) >> 11) / 2**53 for _ in range(3)]


@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 70), (120, 61)])
def test_any_size(height: int, width: int) -> None:
    for index in range(len(CATEGORIES)):
        scene = render(0, index, height=height, width=width)
        assert scene.nir.shape == (height, width)
        assert scene.rgb.shape == (height, width, 3)
        for array in (scene.nir, scene.rgb):
            assert array.dtype == np.float32
            assert 0 <= array.min() <= array.max() <= 1


def test_categories_take_turns_and_can_be_chosen() -> None:
    assert [render(0, i, height=16, width=16).category for i in range(6)] == list(CATEGORIES)
    assert render(0, 0, height=16, width=16, category="water").category == "water"
    with pytest.raises(NirganError, match="indoor"):
        render(0, 0, category="indoor")


def test_reflectances_tell_the_story() -> None:
    luminance = np.array([0.2126, 0.7152, 0.0722])
    for plant in (materials.GRASS, materials.LEAF, materials.CONIFER):
        assert plant[3] > 3 * (plant[:3] @ luminance)
        assert plant[1] == plant[:3].max()
    assert materials.WATER[3] < 0.01
    cloth = np.stack([materials.dyed_cloth(Dice(i)) for i in range(200)])
    assert cloth[:, :3].std() > 5 * cloth[:, 3].std()  # colours differ, near-infrared does not
    assert (cloth[:, 3] > cloth[:, :3].mean(axis=1)).mean() > 0.95


def test_foliage_is_bright_and_sky_dark_in_near_infrared() -> None:
    green, blue = [], []
    for index in range(24):
        scene = render(1, index, height=96, width=96)
        red_, green_, blue_ = scene.rgb.transpose(2, 0, 1)
        luminance = scene.rgb @ np.array([0.299, 0.587, 0.114])
        is_plant = (green_ > 1.25 * red_) & (green_ > 1.25 * blue_)
        is_sky = (blue_ > 1.4 * red_) & (np.arange(96)[:, None] < 25)
        green.append((scene.nir - luminance)[is_plant])
        blue.append((scene.nir - luminance)[is_sky])
    assert np.concatenate(green).mean() > 0.15
    assert np.concatenate(blue).mean() < -0.1


class TestMisaligned:
    def test_shift_has_the_length_asked_for_in_many_directions(self) -> None:
        shifts = [render(0, i, height=16, width=16, shift_px=3.5).matrix[:, 2] for i in range(40)]
        np.testing.assert_allclose(np.hypot(*np.transpose(shifts)), 3.5)
        assert len({(x > 0, y > 0) for x, y in shifts}) == 4

    def test_registered_by_default(self) -> None:
        np.testing.assert_array_equal(render(0, 0, height=16, width=16).matrix, np.eye(2, 3))

    @pytest.mark.parametrize("index", range(6))
    @pytest.mark.parametrize(("rotation_deg", "scale"), [(0.0, 1.0), (4.0, 1.05)])
    def test_matrix_maps_rgb_pixels_to_nir_pixels(self, index: int, rotation_deg: float, scale: float) -> None:
        aligned = render(2, index, height=160, width=160)
        moved = render(2, index, height=160, width=160, shift_px=6.3, rotation_deg=rotation_deg, scale=scale)
        np.testing.assert_array_equal(moved.rgb, aligned.rgb)
        # The value of the registered picture at x must be found at M x: an independent warp brings it back.
        back = cv2.warpAffine(moved.nir, moved.matrix, (160, 160), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP)
        inner = (slice(24, -24), slice(24, -24))
        smooth = [cv2.GaussianBlur(image, (0, 0), 1.5)[inner] for image in (back, aligned.nir, moved.nir)]
        error, unmoved = np.abs(smooth[0] - smooth[1]).mean(), np.abs(smooth[2] - smooth[1]).mean()
        assert error < 0.25 * unmoved

    @pytest.mark.parametrize("category", list(CATEGORIES))
    def test_whole_pixels_of_shift_move_the_scene_exactly(self, category: str) -> None:
        here = paint(category, 96, 120, np.eye(2, 3), Dice(9))
        there = paint(category, 96, 120, np.array([(1.0, 0.0, 7.0), (0.0, 1.0, -4.0)]), Dice(9))
        difference = np.abs(here[8:-8, 4:-12] - there[4:-12, 11:-5])
        assert np.quantile(difference, 0.999) < 2e-3
        assert difference.mean() < 1e-4

    def test_no_pixel_at_the_border_is_invented(self) -> None:
        for index in range(12):
            nir = render(0, index, height=96, width=96, shift_px=20).nir
            for edge in (nir[0], nir[-1], nir[:, 0], nir[:, -1]):
                assert edge.min() > 0.01  # a border filled with nothing would be 0
            # Repeated or mirrored rows would have no gradient across the border.
            assert np.abs(nir[:, 0] - nir[:, 1]).max() > 0
            assert np.abs(nir[:, -1] - nir[:, -2]).max() > 0


class TestWriting:
    @pytest.mark.parametrize("depth", [8, 16])
    def test_registered_pairs(self, tmp_path: Path, depth: int) -> None:
        written = write_scenes(tmp_path / "new" / "synth", 3, size=(40, 56), seed=4, depth=depth)
        assert [path.name for path in written] == ["country_0000.png", "field_0001.png", "forest_0002.png"]
        assert sorted(p.name for p in (tmp_path / "new" / "synth").iterdir()) == ["band.yaml", "nir", "rgb"]
        assert (tmp_path / "new" / "synth" / "band.yaml").read_text() == "wavelength: 850nm\n"
        scene = render(4, 2, height=40, width=56)
        largest = 2**depth - 1
        nir = read_picture(written[2]).pixels
        rgb = read_picture(tmp_path / "new" / "synth" / "rgb" / written[2].name).pixels
        assert nir.dtype == rgb.dtype == np.dtype(f"uint{depth}")
        assert np.abs(nir[..., 0] - scene.nir * float(largest)).max() <= 0.51
        assert np.abs(rgb - scene.rgb * float(largest)).max() <= 0.51

    def test_misaligned_pairs_carry_their_matrix(self, tmp_path: Path) -> None:
        (written,) = write_scenes(tmp_path / "a", 1, size=(40, 56), shift_px=2.5, rotation_deg=1)
        matrix = np.loadtxt(tmp_path / "a" / "affine" / f"{written.stem}.txt")
        expected = render(0, 0, height=40, width=56, shift_px=2.5, rotation_deg=1).matrix
        np.testing.assert_allclose(matrix, expected, rtol=1e-8)

    def test_same_bytes_every_time(self, tmp_path: Path) -> None:
        digests = []
        for name in ("a", "b"):
            files = write_scenes(tmp_path / name, 2, size=(32, 32))
            digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])
        assert digests[0] == digests[1]

    def test_a_folder_that_holds_something_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("kept")
        with pytest.raises(NirganError, match="not an empty folder"):
            write_scenes(tmp_path, 1, size=(32, 32))
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    @pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 1, "depth": 12}, {"count": 1, "size": (8, 99)}])
    def test_wrong_wishes_leave_nothing_behind(self, tmp_path: Path, wrong: dict[str, object]) -> None:
        with pytest.raises(NirganError):
            write_scenes(tmp_path / "a", **wrong)  # type: ignore[arg-type]
        assert not (tmp_path / "a").exists()
