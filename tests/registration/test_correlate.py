"""Correlation over all shifts, and its peak."""

from __future__ import annotations

import numpy as np
import pytest

from nirgan.registration.correlate import correlate, find_peak, padded


def test_the_vertex_of_a_parabola_is_found() -> None:
    x, y = np.meshgrid(np.arange(-4, 5), np.arange(-4, 5))
    surface = 10 - (x - 1.3) ** 2 - 2 * (y + 2.2) ** 2
    peak = find_peak(surface)
    assert (peak.x, peak.y) == (pytest.approx(1.3), pytest.approx(-2.2))
    assert peak.height == surface[4 - 2, 4 + 1]


def test_a_peak_at_the_border_stays_there() -> None:
    surface = np.zeros((5, 5))
    surface[0, 4] = 1
    peak = find_peak(surface)
    assert (peak.x, peak.y) == (2, -2)
    assert peak.prominence == pytest.approx(5)  # one of 25: the deviation is a fifth


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, -2), (-5, 5)])
def test_moving_at_x_plus_shift_is_fixed_at_x(dx: int, dy: int) -> None:
    scene = np.random.default_rng(0).normal(size=(60, 70)).astype(np.float32)
    fixed = scene[10:50, 10:60]
    # moving(x) = scene(x + 10 - shift): at x + shift it shows scene(x + 10), which is fixed at x.
    moving = scene[10 - dy : 50 - dy, 10 - dx : 60 - dx]
    surface = correlate(padded(np.ascontiguousarray(moving), 6), np.ascontiguousarray(fixed))
    assert surface.shape == (13, 13)
    peak = find_peak(surface)
    assert (peak.x, peak.y) == (pytest.approx(dx, abs=0.2), pytest.approx(dy, abs=0.2))
    assert peak.prominence > 5


def test_nothing_correlates_with_nothing() -> None:
    surface = correlate(np.zeros((20, 20), np.float32), np.zeros((10, 10), np.float32))
    assert not surface.any()
    assert find_peak(surface).prominence == 0
