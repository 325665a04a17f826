"""Fields through shifts at some places."""

from __future__ import annotations

import numpy as np
import pytest

from nirgan.registration.field import Field
from nirgan.registration.level import moved

SHAPE = (101, 201)
POINTS = np.array([(x, y) for x in (20, 60, 100, 140, 180) for y in (15, 50, 85)], dtype=np.float64)
MATRICES = {
    "translation": np.array([[1, 0, 2.5], [0, 1, -1.5], [0, 0, 1.0]]),
    "similarity": np.array([[1.01, -0.02, 2.5], [0.02, 1.01, -1.5], [0, 0, 1.0]]),
    "affine": np.array([[1.01, -0.03, 2.5], [0.02, 0.98, -1.5], [0, 0, 1.0]]),
}


@pytest.mark.parametrize("form", MATRICES)
def test_a_matrix_is_found_again_from_its_shifts(form: str) -> None:
    field = Field.fitted(POINTS, moved(MATRICES[form], POINTS) - POINTS, form, SHAPE)
    assert field is not None
    assert np.allclose(field.matrix(), MATRICES[form], atol=1e-9)
    assert np.allclose(field.at(POINTS), moved(MATRICES[form], POINTS) - POINTS, atol=1e-9)


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
    # 32 numbers, 16 of them ±1, two parameters: variance 16/30 in x and in y, of the mean a 16th.
    assert field.error_at(np.zeros((1, 2))) == pytest.approx(np.sqrt(2 * 16 / 30 / 16))


def test_a_strip_leaves_an_affine_matrix_uncertain_and_a_similarity_hardly() -> None:
    strip = np.array([(x, y) for x in range(10, 200, 20) for y in (88, 92)], dtype=np.float64)
    shifts = np.random.default_rng(1).normal(0, 0.3, strip.shape)
    corner = np.zeros((1, 2))
    errors = {}
    for form in ("affine", "similarity"):
        field = Field.fitted(strip, shifts, form, SHAPE)
        assert field is not None
        errors[form] = float(field.error_at(corner)[0])
    assert errors["similarity"] < 0.5 < 2 < errors["affine"]


def test_too_few_points_determine_nothing() -> None:
    assert Field.fitted(POINTS[:3], np.zeros((3, 2)), "affine", SHAPE) is None
    assert Field.fitted(np.zeros((0, 2)), np.zeros((0, 2)), "translation", SHAPE) is None
    line = np.array([(x, 10) for x in range(0, 200, 10)], dtype=np.float64)
    assert Field.fitted(line, np.zeros_like(line), "affine", SHAPE) is None
