"""Fields through shifts at some places."""

from __future__ import annotations

import numpy as np
import pytest

from nirgan.registration.ecc import Model
from nirgan.registration.field import Field
from nirgan.registration.level import moved

SHAPE = (101, 201)
POINTS = np.array([(x, y) for x in (20, 60, 100, 140, 180) for y in (15, 50, 85)], dtype=np.float64)
MATRICES = {
    "translation": np.array([[1, 0, 2.5], [0, 1, -1.5], [0, 0, 1.0]]),
    "affine": np.array([[1.01, -0.02, 2.5], [0.02, 1.01, -1.5], [0, 0, 1.0]]),
}
STRETCHED = np.array([[1.01, -0.025, 2.5], [0.02, 0.995, -1.5], [0, 0, 1.0]])


@pytest.mark.parametrize("model", MATRICES)
def test_a_matrix_is_found_again_from_its_shifts(model: Model) -> None:
    field = Field.fitted(POINTS, moved(MATRICES[model], POINTS) - POINTS, model, SHAPE)
    assert field is not None
    assert np.allclose(field.matrix(), MATRICES[model], atol=1e-9)
    assert np.allclose(field.at(POINTS), moved(MATRICES[model], POINTS) - POINTS, atol=1e-9)


def test_stretch_and_shear_that_a_picture_determines_are_found_nearly_whole() -> None:
    field = Field.fitted(POINTS, moved(STRETCHED, POINTS) - POINTS, "affine", SHAPE)
    assert field is not None
    assert np.abs(moved(field.matrix(), POINTS) - moved(STRETCHED, POINTS)).max() < 0.1


def test_what_a_matrix_has_of_stretch_and_perspective_counts_with_the_fields_own() -> None:
    """Shifts of zero after a matrix say of a picture that has structure all over that the matrix is right; of a strip
    they leave open a departure, which is then taken back."""
    far = np.array([[0.0, 0.0], [200.0, 0.0]])
    strip = np.array([(x, 90) for x in range(10, 200, 10)], dtype=np.float64)
    leaning = STRETCHED @ np.array([[1, 0, 0], [0, 1, 0], [5e-5, -8e-5, 1]])
    for matrix, model in ((STRETCHED, "affine"), (leaning, "homography")):
        everywhere = Field.fitted(POINTS, np.zeros_like(POINTS), model, SHAPE, matrix)
        below = Field.fitted(strip, np.zeros_like(strip), model, SHAPE, matrix)
        assert everywhere is not None
        assert below is not None
        assert np.linalg.norm(everywhere.at(far), axis=1).max() < 0.2
        assert np.linalg.norm(below.at(strip), axis=1).max() < 0.1
        # Together with the matrix it is a similarity: lengths across equal those along, right angles stay.
        linear = (matrix @ below.matrix())[:2, :2]
        if model == "affine":
            assert linear[0, 0] - linear[1, 1] == pytest.approx(0, abs=1e-3)
            assert linear[0, 1] + linear[1, 0] == pytest.approx(0, abs=1e-3)


def test_a_homography_is_found_to_the_first_order() -> None:
    true = np.array([[1, 0, 1.0], [0, 1, 0.5], [1e-5, -2e-5, 1]])
    field = Field.fitted(POINTS, moved(true, POINTS) - POINTS, "homography", SHAPE)
    assert field is not None
    shifts = moved(true, POINTS) - POINTS
    assert np.abs(shifts - shifts.mean(axis=0)).max() > 0.2
    assert np.abs(moved(field.matrix(), POINTS) - moved(true, POINTS)).max() < 0.02


def test_the_error_of_a_mean_is_the_deviation_over_the_root_of_the_number() -> None:
    shifts = np.tile([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]], (4, 1))
    points = np.random.default_rng(0).uniform(0, 100, (16, 2))
    field = Field.fitted(points, shifts, "translation", SHAPE)
    assert field is not None
    # 32 numbers, 16 of them ±1, two parameters, and four numbers of variance 0.09 that are expected.
    assert field.error_at(np.zeros((1, 2))) == pytest.approx(np.sqrt(2 * (16 + 4 * 0.09) / (30 + 4) / 16))


def test_beside_a_strip_a_field_is_as_uncertain_as_two_cameras_may_differ() -> None:
    """Along the strip, scale and stretch show only as their sum, rotation and shear too: across it, twice the half a
    per cent that is expected of either is open, to the right and down, at 90 pixels 1.27."""
    strip = np.array([(x, 90) for x in range(10, 200, 10)], dtype=np.float64)
    shifts = np.random.default_rng(1).normal(0, 0.05, strip.shape)
    field = Field.fitted(strip, shifts, "affine", SHAPE)
    assert field is not None
    above, within = field.error_at(np.array([[100.0, 0.0], [100.0, 90.0]]))
    assert above == pytest.approx(0.01 * 90 * np.sqrt(2), abs=0.05)
    assert within < 0.1
    assert np.linalg.norm(field.at(np.array([[100.0, 0.0]]))) < 0.5


def test_too_few_points_determine_nothing() -> None:
    assert Field.fitted(POINTS[:3], np.zeros((3, 2)), "affine", SHAPE) is None
    assert Field.fitted(np.zeros((0, 2)), np.zeros((0, 2)), "translation", SHAPE) is None
    place = np.tile([[50.0, 50.0]], (9, 1))
    assert Field.fitted(place, np.zeros_like(place), "affine", SHAPE) is None
