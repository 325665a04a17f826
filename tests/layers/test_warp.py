"""Warping: the same as SciPy's interpolation, nothing where the field is zero, gradients for both inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor

from nirgan.layers.warp import warp


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(20, 33), (64, 32), (1, 5)])
def test_a_field_moves_as_scipy_does(size: tuple[int, int]) -> None:
    picture, field = noise(2, 3, *size), 12 * (noise(2, 2, *size, seed=1) - 0.5)
    rows, columns = np.mgrid[: size[0], : size[1]].astype(float)
    expected = np.stack(
        [
            [map_coordinates(channel, [rows + dy, columns + dx], order=1, mode="nearest") for channel in each]
            for each, (dx, dy) in zip(picture.double().numpy(), field.double().numpy(), strict=True)
        ]
    )
    assert np.abs(warp(picture, field).numpy() - expected).max() < 2e-5


def test_whole_pixels_by_hand() -> None:
    picture = torch.arange(12.0).view(1, 1, 3, 4)
    field = torch.zeros(1, 2, 3, 4)
    field[:, 0] = 1  # every pixel is taken from its right neighbour
    expected = torch.tensor([[1.0, 2, 3, 3], [5, 6, 7, 7], [9, 10, 11, 11]])
    assert torch.allclose(warp(picture, field)[0, 0], expected, atol=1e-5)
    field[:, 0], field[:, 1] = 0, -1  # from the one above
    expected = torch.tensor([[0.0, 1, 2, 3], [0, 1, 2, 3], [4, 5, 6, 7]])
    assert torch.allclose(warp(picture, field)[0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (32, 256), (512, 512)])
def test_no_displacement_gives_the_very_picture_back(size: tuple[int, int]) -> None:
    picture = 2 * noise(1, 3, *size) - 1
    assert torch.equal(warp(picture, torch.zeros(1, 2, *size)), picture)


@pytest.mark.parametrize("size", [(96, 224), (288, 352)])
def test_or_within_rounding_where_sides_are_no_powers_of_two(size: tuple[int, int]) -> None:
    picture = 2 * noise(1, 3, *size) - 1  # noise is the worst: neighbours differ by up to 2
    assert (warp(picture, torch.zeros(1, 2, *size)) - picture).abs().max() < 5e-5


def test_gradients_of_picture_and_field() -> None:
    columns, rows = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="xy")
    picture = (3 * columns + 5 * rows).view(1, 1, 8, 8).requires_grad_()
    field = torch.full((1, 2, 8, 8), 0.25, requires_grad=True)
    warp(picture, field).sum().backward()
    # The slopes, but where the border is repeated.
    assert torch.allclose(field.grad[0, 0, :, :-1], torch.tensor(3.0), atol=1e-4)
    assert torch.allclose(field.grad[0, 1, :-1], torch.tensor(5.0), atol=1e-4)
    assert not field.grad[0, 0, :, -1].any()
    # A pixel gives 3/4 · 3/4 to itself and the rest to three neighbours; what the first row and column give, none has.
    assert torch.allclose(picture.grad[0, 0, 1:-1, 1:-1], torch.tensor(1.0), atol=1e-4)
    assert float(picture.grad[0, 0, 0, 0]) == pytest.approx(0.75**2, abs=1e-4)
    assert float(picture.grad[0, 0, -1, -1]) == pytest.approx(1.25**2, abs=1e-4)


def test_half_precision_is_widened() -> None:
    picture, field = noise(1, 3, 128, 128), torch.full((1, 2, 128, 128), 0.25)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        moved = warp(picture.bfloat16(), field.bfloat16())
    assert moved.dtype == torch.float32
    assert torch.allclose(moved, warp(picture.bfloat16().float(), field), atol=1e-6)
