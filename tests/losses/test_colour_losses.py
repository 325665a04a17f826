"""Losses on colours, edges and small copies, against values worked by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from nirgan.losses.angular import DARK, ROUND, angular
from nirgan.losses.chroma_l1 import chroma_l1
from nirgan.losses.coarse_l1 import coarse_l1
from nirgan.losses.edge_l1 import edge_l1
from nirgan.losses.gain_l1 import gain_l1
from nirgan.losses.luminance_l1 import luminance_l1
from nirgan.losses.shift_tolerant_l1 import shift_tolerant_l1
from nirgan.metrics import angular_error
from nirgan.registry import LOSSES

ALL = (angular, chroma_l1, coarse_l1, edge_l1, gain_l1, luminance_l1, shift_tolerant_l1)


def colour(red: float, green: float, blue: float, side: int = 2) -> Tensor:
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(1, 3, side, side).clone()


def pictures(side: int = 32, count: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    one, other = torch.rand(2, count, 3, side, side, generator=generator)
    return one, other


def test_they_are_registered() -> None:
    names = {"angular", "chroma-l1", "coarse-l1", "edge-l1", "gain-l1", "luminance-l1", "shift-tolerant-l1"}
    assert names <= set(LOSSES.names())


@pytest.mark.parametrize("loss", ALL)
def test_equal_pictures_cost_nothing_and_teach_nothing(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    target, _ = pictures()
    output = target.clone().requires_grad_()
    value = loss(output, target)
    value.backward()
    assert float(value.detach()) == pytest.approx(0, abs=1e-7)
    assert output.grad is not None
    assert output.grad.abs().max() < 1e-6


@pytest.mark.parametrize("loss", ALL)
def test_they_are_float32_scalars_even_under_autocast(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    one, other = (picture.bfloat16() for picture in pictures())
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(one, other)
    assert (value.dtype, value.shape) == (torch.float32, ())


# --- angle ------------------------------------------------------------------------------------------------------------


def test_orthogonal_colours_by_hand() -> None:
    length = 1 / math.sqrt(1 + DARK**2)  # of what is left of a direction of length one
    red, green = colour(1, 0, 0), colour(0, 1, 0)
    assert float(angular(red, green)) == pytest.approx(math.sqrt(2 * length**2 + ROUND**2) - ROUND, rel=1e-5)
    assert float(angular(red, green, measure="cosine")) == pytest.approx(length**2, rel=1e-5)


@pytest.mark.parametrize("degrees", [5.0, 10.0, 20.0])
def test_small_angles_count_as_the_score_has_it(degrees: float) -> None:
    angle = math.radians(degrees)
    one, other = colour(0.8, 0, 0), colour(0.8 * math.cos(angle), 0.8 * math.sin(angle), 0)
    scored = math.radians(float(angular_error(one, other)))
    assert scored == pytest.approx(angle, rel=1e-5)
    assert float(angular(one, other)) == pytest.approx(scored - ROUND, abs=0.004)
    assert float(angular(one, other, measure="cosine")) == pytest.approx(1 - math.cos(angle), rel=0.01)


def test_it_is_blind_to_brightness_where_colours_are_not_dark() -> None:
    assert float(angular(colour(0.2, 0.4, 0.3), colour(0.4, 0.8, 0.6))) < 0.001


@pytest.mark.parametrize("measure", ["chord", "cosine"])
def test_black_has_no_direction_and_a_bounded_gradient(measure: str) -> None:
    black = torch.zeros(1, 3, 2, 2, requires_grad=True)
    value = angular(black, colour(0.5, 0.2, 0.1), measure=measure)  # type: ignore[arg-type]
    value.backward()
    assert black.grad is not None
    assert black.grad.isfinite().all()
    assert 0 < 4 * black.grad.norm(dim=1).max() <= 1 / DARK + 1e-3  # times the number of pixels of the mean
    both = angular(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2), measure=measure)  # type: ignore[arg-type]
    assert float(both) == pytest.approx(0, abs=1e-7)


def test_its_gradient_turns_the_colour_and_leaves_its_length() -> None:
    output = colour(0.6, 0.3, 0.3, side=1).requires_grad_()
    angular(output, colour(0.3, 0.6, 0.3, side=1)).backward()
    assert output.grad is not None
    gradient = output.grad.flatten()
    assert gradient[0] > 0 > gradient[1]  # less red, more green
    along = (gradient * output.detach().flatten()).sum() / (gradient.norm() * output.detach().norm())
    assert along.abs() < 0.01


# --- luminance and chroma ---------------------------------------------------------------------------------------------


def test_luminance_by_hand() -> None:
    black = torch.zeros(1, 3, 4, 4)
    assert float(luminance_l1(colour(1, 0, 0, 4), black)) == pytest.approx(0.299)
    assert float(luminance_l1(colour(0.5, 0.5, 0.5, 4), black)) == pytest.approx(0.5)
    assert float(luminance_l1(colour(0.587, 0, 0, 4), colour(0, 0.299, 0, 4))) == pytest.approx(0, abs=1e-6)


def test_chroma_by_hand() -> None:
    target = colour(0.2, 0.4, 0.6, 4)
    assert float(chroma_l1(target + 0.3, target)) == pytest.approx(0, abs=1e-6)
    assert float(chroma_l1(target + colour(0.2, 0, 0, 4), target)) == pytest.approx((0.2 + 0.1) / 2, rel=1e-5)
    assert float(chroma_l1(target + colour(0, 0, 0.2, 4), target)) == pytest.approx(0.2 / 2, rel=1e-5)


# --- edges, shifts, small copies --------------------------------------------------------------------------------------


def test_edges_by_hand() -> None:
    target = torch.rand(1, 3, 6, 9, generator=torch.Generator().manual_seed(0))
    assert float(edge_l1(target + 0.4, target)) == pytest.approx(0, abs=1e-6)
    ramp = 0.1 * torch.arange(9.0).expand(1, 3, 6, 9)
    assert float(edge_l1(target + ramp, target)) == pytest.approx(0.1 / 2, rel=1e-4)  # to the right, not down
    ramp = 0.1 * torch.arange(6.0)[:, None].expand(1, 3, 6, 9)
    assert float(edge_l1(target + ramp, target)) == pytest.approx(0.1 / 2, rel=1e-4)


def test_edges_are_sobels() -> None:
    point = torch.zeros(1, 1, 3, 3)
    point[..., 0, 2] = 1.0  # a corner: an eighth of it in either direction
    assert float(edge_l1(point, torch.zeros(1, 1, 3, 3))) == pytest.approx(1 / 8)
    point = torch.zeros(1, 1, 3, 3)
    point[..., 1, 2] = 1.0  # a side: a quarter to the right, nothing down
    assert float(edge_l1(point, torch.zeros(1, 1, 3, 3))) == pytest.approx(1 / 8)


@pytest.mark.parametrize(("down", "right"), [(0, 1), (1, 0), (-1, 1), (0, 0)])
def test_a_shift_by_a_pixel_is_forgiven(down: int, right: int) -> None:
    target = torch.rand(1, 3, 26, 26, generator=torch.Generator().manual_seed(0))
    assert float(shift_tolerant_l1(target.roll((down, right), (-2, -1)), target)) == pytest.approx(0, abs=1e-6)


def test_other_errors_are_not_forgiven() -> None:
    target = torch.rand(1, 3, 26, 26, generator=torch.Generator().manual_seed(0))
    assert float(shift_tolerant_l1(target.roll(2, -1), target)) > 0.2
    flat = torch.full((1, 3, 26, 26), 0.5)
    assert float(shift_tolerant_l1(flat + 0.1, flat)) == pytest.approx(0.1, rel=1e-4)


def test_each_window_has_its_own_shift() -> None:
    target = torch.rand(1, 1, 10, 18, generator=torch.Generator().manual_seed(0))
    output = target.clone()
    output[..., :9] = target.roll(1, -1)[..., :9]
    output[..., 9:] = target.roll(-1, -1)[..., 9:]
    # The windows are columns 1 to 8 and 9 to 16; at the shift that fits, the left one reads 2 to 9 and the right
    # one 8 to 15: a column each, of eight, comes from the other half.
    assert float(shift_tolerant_l1(output, target)) < 0.125
    assert float(shift_tolerant_l1(output, target, window=16)) > float(shift_tolerant_l1(output, target))


def test_small_copies_forget_texture() -> None:
    flat = torch.full((1, 3, 32, 32), 0.5)
    rows, columns = torch.meshgrid(torch.arange(32), torch.arange(32), indexing="ij")
    checks = 0.4 * ((rows + columns) % 2 - 0.5)
    assert float(coarse_l1(flat + checks, flat)) == pytest.approx(0, abs=1e-6)
    assert float(coarse_l1(flat + 0.2, flat)) == pytest.approx(0.2, rel=1e-5)
    halves = 0.4 * ((columns // 4 % 2) - 0.5)  # stripes of four pixels: seen at a quarter, not at a sixteenth
    assert float(coarse_l1(flat + halves, flat)) == pytest.approx(0.2 / 2, rel=1e-5)


# --- gain -------------------------------------------------------------------------------------------------------------


def test_exposure_of_each_picture_is_forgiven() -> None:
    target, _ = pictures()
    exposed = target * torch.tensor([0.5, 2.0]).view(2, 1, 1, 1)
    assert float(gain_l1(exposed, target)) == pytest.approx(0, abs=1e-6)
    assert float(gain_l1(10 * target, target)) == pytest.approx(1.5 * float(target.mean()), rel=1e-4)  # a quarter of 10


def test_gain_by_hand() -> None:
    # g = (1·1 + 0·1 + 0·1) / 1: two channels are off by 1, and their gradient alone is left.
    output = colour(1.0, 0.0, 0.0).requires_grad_()
    value = gain_l1(output, torch.ones(1, 3, 2, 2))
    assert float(value.detach()) == pytest.approx(2 / 3)
    value.backward()
    assert output.grad is not None
    assert [float(part.sum()) for part in output.grad[0]] == pytest.approx([0, -1 / 3, -1 / 3])
