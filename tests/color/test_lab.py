"""Colour spaces against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from nirgan.color import gray_to_lightness, lab_to_rgb, lightness, lightness_to_gray, rgb_to_lab
from nirgan.color.lab import lab_to_unlimited_rgb


@pytest.fixture
def rgb() -> torch.Tensor:
    """Random colours, the cube's corners, and every grey level."""
    colours = torch.rand(3, 500, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 3).T
    greys = (torch.arange(256, dtype=torch.float64) / 255).expand(3, -1)
    return torch.cat([colours, corners, greys], dim=1).view(1, 3, 4, -1)


def channels_last(picture: torch.Tensor) -> np.ndarray:
    return picture[0].permute(1, 2, 0).numpy()


def test_lab_matches_scikit_image(rgb: torch.Tensor) -> None:
    np.testing.assert_allclose(channels_last(rgb_to_lab(rgb)), rgb2lab(channels_last(rgb)), atol=2e-3)


def test_rgb_from_lab_matches_scikit_image(rgb: torch.Tensor) -> None:
    lab = rgb_to_lab(rgb)
    np.testing.assert_allclose(channels_last(lab_to_rgb(lab)), lab2rgb(channels_last(lab)), atol=1e-4)
    torch.testing.assert_close(lab_to_rgb(lab), rgb, atol=1e-4, rtol=0)


def test_colours_beyond_the_screen_are_clipped_unless_told_otherwise() -> None:
    lab = torch.tensor([60.0, 120.0, -120.0]).view(1, 3, 1, 1)
    assert lab_to_rgb(lab).min() >= 0
    assert lab_to_rgb(lab).max() <= 1
    free = lab_to_rgb(lab, clip=False)
    assert free.min() < 0 or free.max() > 1


def test_lightness_is_labs_l(rgb: torch.Tensor) -> None:
    expected = rgb2lab(channels_last(rgb))[..., 0] / 100
    np.testing.assert_allclose(lightness(rgb)[0, 0].numpy(), expected, atol=2e-5)
    np.testing.assert_allclose(lightness(rgb[0])[0].numpy(), expected, atol=2e-5)


def test_grey_levels_and_lightness_are_inverse() -> None:
    levels = torch.arange(256, dtype=torch.float64) / 255
    grey = levels.expand(3, 1, -1)
    torch.testing.assert_close(gray_to_lightness(levels), lightness(grey)[0, 0], atol=1e-6, rtol=0)
    torch.testing.assert_close(lightness_to_gray(gray_to_lightness(levels)), levels, atol=1e-5, rtol=0)
    assert gray_to_lightness(levels).diff().min() > 0


def test_gradients_are_finite_at_black_and_white() -> None:
    rgb = torch.tensor([0.0, 1.0, 0.5]).expand(1, 3, 1, 3).clone().requires_grad_()
    (rgb_to_lab(rgb).sum() + lightness(rgb).sum()).backward()
    assert rgb.grad is not None
    assert rgb.grad.isfinite().all()
    value = torch.tensor([0.0, 0.5, 1.0], requires_grad=True)
    lightness_to_gray(value).sum().backward()
    assert value.grad is not None
    assert value.grad.isfinite().all()


def test_half_precision_around_it_costs_no_colour(rgb: torch.Tensor) -> None:
    rgb = rgb.float()
    lab = rgb_to_lab(rgb)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(rgb_to_lab(rgb), lab)
        assert (lab_to_rgb(lab) - rgb).abs().max() < 1e-3


def test_unlimited_rgb_is_the_same_within_the_screens_colours(rgb: torch.Tensor) -> None:
    torch.testing.assert_close(lab_to_unlimited_rgb(rgb_to_lab(rgb)), rgb, atol=1e-4, rtol=0)


def test_unlimited_rgb_has_gradients_where_clipped_rgb_has_none() -> None:
    # A dark, strong yellow: f(Z) = (5 + 16)/116 - 110/200 < 0. By hand: linear blue is -0.07578.
    yellow = torch.tensor([5.0, 0.0, 110.0], dtype=torch.float64).view(1, 3, 1, 1).requires_grad_()
    blue = lab_to_unlimited_rgb(yellow)[0, 2, 0, 0]
    assert blue.item() == pytest.approx(-0.305, abs=2e-3)
    (gradient,) = torch.autograd.grad(blue, yellow)
    assert gradient[0, 2] < -1e-3  # a little less yellow is a little less negative
    (clipped,) = torch.autograd.grad(lab_to_rgb(yellow, clip=False)[0, 2, 0, 0], yellow)
    assert clipped[0, 2] == 0
