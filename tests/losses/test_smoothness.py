"""Smoothness of fields, by hand."""

from __future__ import annotations

import pytest
import torch

from nirgan.losses.smoothness import smoothness


def test_a_shift_of_everything_is_smooth() -> None:
    assert smoothness(torch.full((2, 2, 8, 8), 4.0)) == 0


def test_a_ramp_costs_the_square_of_its_slope_in_one_component_of_two() -> None:
    field = torch.zeros(1, 2, 6, 9)
    field[:, 0] = 3 * torch.arange(9.0)
    assert float(smoothness(field)) == pytest.approx(9 / 2)
    field[:, 1] = 2 * torch.arange(6.0)[:, None]
    assert float(smoothness(field)) == pytest.approx(9 / 2 + 4 / 2)


def test_one_pixel_out_of_line() -> None:
    field = torch.zeros(1, 2, 3, 3)
    field[0, 1, 1, 1] = 5
    # Two steps of 5 among 2·3·2 to the right, and as many down.
    assert float(smoothness(field)) == pytest.approx(2 * (2 * 25 / 12))


def test_float32_in_half_precision() -> None:
    assert smoothness(torch.ones(1, 2, 4, 4, dtype=torch.bfloat16)).dtype == torch.float32
