"""Alignment of built-in scenes, whose truth is exact, and refusal of what cannot be aligned."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from known_pairs import SIDE, Pair, corner_errors, scene_pair, similarity, warped_pair

from nirgan.registration.confidence import judge
from nirgan.registration.edges import grey_of
from nirgan.registration.estimate import align
from nirgan.registration.level import Level, scaling

CAMERAS = [
    {"shift_px": 0.0},
    {"shift_px": 12.8},
    {"rotation_deg": 5.0, "scale": 0.95, "shift_px": 8.0},
    {"rotation_deg": -5.0, "scale": 1.05, "shift_px": 12.8},
    {"rotation_deg": 2.3, "scale": 1.02, "shift_px": 5.5},
    {"rotation_deg": -11.0, "scale": 0.93, "shift_px": 20.0},
]


def check(pair: Pair, true: np.ndarray) -> None:
    found = align(*pair)
    assert corner_errors(found.matrix, true).mean() < 1
    assert found.confidence >= 0.5, found.weakness
    assert found.correlation_after >= found.correlation_before - 0.01
    assert found.residual < 2


@pytest.mark.parametrize(
    ("index", "camera"),
    [pytest.param(index, camera, marks=[pytest.mark.slow] * (index < 3)) for index, camera in enumerate(CAMERAS)],
)
def test_a_camera_that_stands_elsewhere_is_found_to_a_pixel(index: int, camera: dict[str, float]) -> None:
    check(*scene_pair(index, **camera))


@pytest.mark.slow
@pytest.mark.parametrize("index", range(6, 66))
def test_many_cameras_are_found_to_a_pixel(index: int) -> None:
    random = np.random.default_rng(index)
    shift = float(random.uniform(0, 0.05 * SIDE))
    check(*scene_pair(index, rotation_deg=random.uniform(-5, 5), scale=random.uniform(0.95, 1.05), shift_px=shift))


def test_a_homography_is_found_to_a_pixel() -> None:
    true = similarity((SIDE, SIDE), 3, 1.0, 4, -3) @ np.array([[1, 0, 0], [0, 1, 0], [8e-5, -6e-5, 1]])
    found = align(*warped_pair(0, true), model="homography")
    assert corner_errors(np.eye(3), np.array([[1, 0, 0], [0, 1, 0], [8e-5, -6e-5, 1]])).max() > 3
    assert corner_errors(found.matrix, true).mean() < 1
    assert found.confidence >= 0.5, found.weakness


def test_doubts_are_in_pixels_of_the_file() -> None:
    """Of a file with four times as many rows and columns, the same evidence says four times as many pixels."""
    (source, target), true = scene_pair(4, shift_px=3.0)
    level = Level.of(grey_of(source), grey_of(target), size=SIDE, ratio=1.0)
    small, _ = judge(level, true, "affine")
    large, _ = judge(replace(level, target_scale=scaling(0.25, 0.25)), true, "affine")
    assert large.doubt == pytest.approx(4 * small.doubt)
    assert large.residual == pytest.approx(4 * small.residual)
    assert small.doubt > 0


def test_a_stretch_that_the_picture_shows_is_found_to_a_pixel() -> None:
    true = similarity((SIDE, SIDE), 2, 1.0, 3, 2) @ np.diag([1.015, 0.985, 1])
    found = align(*warped_pair(0, true))
    assert corner_errors(found.matrix, true).mean() < 1
    assert found.confidence >= 0.5, found.weakness


def test_a_translation_stays_one() -> None:
    source, target = warped_pair(1, np.array([[1, 0, 9.5], [0, 1, -6.25], [0, 0, 1]]))
    found = align(source, target, model="translation")
    assert np.allclose(found.matrix[:2, :2], np.eye(2), atol=1e-6)
    assert found.matrix[:2, 2] == pytest.approx([9.5, -6.25], abs=0.5)


def test_a_camera_with_more_pixels_is_aligned_in_its_own() -> None:
    true = similarity((SIDE, SIDE), 2, 1.0, 3, 2)
    source, target = warped_pair(4, true)
    large = cv2.resize(source[0], (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC).clip(0, 1)[None]
    found = align(large, target)
    twice = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1.0]])  # pixel centres have whole coordinates
    assert corner_errors(found.matrix, twice @ true).mean() < 2
    assert found.confidence >= 0.5, found.weakness


@pytest.mark.parametrize(
    ("index", "other"), [(0, 1), pytest.param(2, 5, marks=pytest.mark.slow), pytest.param(3, 4, marks=pytest.mark.slow)]
)
def test_two_scenes_are_not_believed(index: int, other: int) -> None:
    source, target = scene_pair(index)[0][0], scene_pair(other)[0][1]
    assert align(source, target).confidence < 0.5


def test_flat_pictures_and_noise_are_not_believed() -> None:
    source, target = scene_pair(0)[0]
    noise = np.random.default_rng(0).random(source.shape, dtype=np.float32)
    for nothing in (np.full_like(source, 0.5), noise):
        found = align(nothing, target)
        assert found.confidence < 0.5
        assert np.isfinite(found.matrix).all()
    assert align(source, np.zeros_like(target)).confidence < 0.5


@pytest.mark.slow
def test_half_a_warp_is_not_believed_by_the_tiles() -> None:
    """A picture of which one half is a stranger's: the alignment is right there or is not believed."""
    pair, true = scene_pair(4, rotation_deg=3.0, shift_px=6.0)
    source = pair[0].copy()
    source[:, :, SIDE // 2 :] = scene_pair(5)[0][0][:, :, SIDE // 2 :]
    found = align(source, pair[1])
    assert found.confidence < 0.5 or corner_errors(found.matrix, true).mean() < 5
