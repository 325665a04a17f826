"""The shift of a pair that should be registered."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from known_pairs import EDGE, SIDE, scene_pair, warped_pair
from test_real_pairs import pairs_of, read

from nirgan.registration.offset import measure_offset


@pytest.mark.parametrize(("index", "x", "y"), [(0, 0.0, 0.0), (1, 3.0, -2.0), (2, -12.5, 7.25), (4, 30.0, 18.0)])
def test_shifts_are_found_to_a_part_of_a_pixel(index: int, x: float, y: float) -> None:
    assert max(abs(x), abs(y)) < EDGE
    source, target = warped_pair(index, np.array([[1, 0, x], [0, 1, y], [0, 0, 1]]))
    offset = measure_offset(source, target)
    assert (offset.x, offset.y) == (pytest.approx(x, abs=0.5), pytest.approx(y, abs=0.5))
    assert offset.distance == pytest.approx(np.hypot(offset.x, offset.y))
    assert offset.confidence >= 0.5


def test_a_shift_counts_in_pixels_of_the_whole_target() -> None:
    source, target = warped_pair(0, np.array([[1, 0, 6.0], [0, 1, -4.0], [0, 0, 1]]))
    large = cv2.resize(target.transpose(1, 2, 0), (4 * SIDE, 4 * SIDE), interpolation=cv2.INTER_CUBIC)
    offset = measure_offset(source, np.ascontiguousarray(large.transpose(2, 0, 1)).clip(0, 1))
    assert (offset.x, offset.y) == (pytest.approx(24, abs=2), pytest.approx(-16, abs=2))


def test_strangers_and_flat_pictures_are_not_believed() -> None:
    (source, _), (_, other) = scene_pair(0)[0], scene_pair(3)[0]
    assert measure_offset(source, other).confidence < 0.5
    assert measure_offset(np.full_like(source, 0.3), other).confidence < 0.5
    assert measure_offset(source, np.zeros_like(other)).confidence < 0.5


def test_strangers_whose_correlation_has_a_peak_are_not_believed(real_data: Path) -> None:
    pairs = {source.stem: read(source, target) for source, target in pairs_of(real_data / "nir-train" / "vcip")}
    strangers = {"forest_0014": "mountain_0027", "forest_0098": "country_0035", "field_0091": "mountain_0012"}
    for name, other in strangers.items():
        assert measure_offset(pairs[name][0], pairs[other][1]).confidence < 0.5
        assert measure_offset(*pairs[name]).confidence >= 0.5
