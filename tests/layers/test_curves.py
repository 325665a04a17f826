"""Curves from level to colour that vary over the picture."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.layers.curves import local_curves


def by_knots(values: Tensor, source: Tensor, knots: int) -> Tensor:
    """The same, knot by knot: enlarge all, then weigh each knot by how near the level is."""
    large = F.interpolate(values, size=source.shape[-2:], mode="bilinear", align_corners=False)
    place = (source.mean(dim=1, keepdim=True) + 1) / 2 * (knots - 1)
    near = [(1 - (place - k).abs()).clamp(min=0) for k in range(knots)]
    return sum((w * part for w, part in zip(near, large.chunk(knots, dim=1), strict=True)), torch.zeros(()))


@pytest.mark.parametrize("knots", [2, 5, 8])
@pytest.mark.parametrize("size", [(4, 6), (16, 24)])
def test_it_is_the_sum_over_knots(knots: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    source = 2 * torch.rand(2, 2, 16, 24) - 1
    values = torch.randn(2, 3 * knots, *size)
    read = local_curves(values, source, out_channels=3, start=0.0)
    assert torch.allclose(read, by_knots(values, source, knots), atol=1e-5)


def test_levels_read_their_knots_by_hand() -> None:
    source = torch.tensor([-1.0, 0.0, 1.0, 0.5, 9.0]).view(1, 1, 1, 5)  # black, middle, white, between, beyond
    values = torch.tensor([10.0, 20.0, 40.0]).view(1, 3, 1, 1)
    assert local_curves(values, source, out_channels=1, start=0.0).flatten().tolist() == pytest.approx(
        [10, 20, 40, 30, 40], abs=1e-4
    )


def test_curves_of_zero_give_the_source() -> None:
    source = 2 * torch.rand(1, 3, 8, 8) - 1
    copy = local_curves(torch.zeros(1, 16, 2, 2), source, out_channels=2, start=1.0)
    assert torch.allclose(copy, source.mean(dim=1, keepdim=True).expand(-1, 2, -1, -1))


def test_neighbours_of_different_levels_part_within_one_cell() -> None:
    """One cell for the whole picture: the colour changes where the source does, without a halo."""
    source = torch.full((1, 1, 4, 8), -1.0)
    source[..., 5:] = 1.0
    values = torch.tensor([3.0, 7.0]).view(1, 2, 1, 1)
    read = local_curves(values, source, out_channels=1, start=0.0)
    assert torch.allclose(read[..., :5], torch.tensor(3.0))
    assert torch.allclose(read[..., 5:], torch.tensor(7.0))


def test_half_precision_reads_in_float32() -> None:
    values, source = torch.rand(1, 6, 2, 2).bfloat16(), torch.rand(1, 1, 4, 4)
    read = local_curves(values, source, out_channels=3, start=1.0)
    assert read.dtype == torch.float32
    assert torch.allclose(read, local_curves(values.float(), source, out_channels=3, start=1.0))
