"""Discriminators of strided convolutions, at one scale and several: counts, shapes, fields, scales."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nirgan.discriminators.multi_scale import MultiScaleDiscriminator
from nirgan.discriminators.strided import StridedDiscriminator
from nirgan.layers.halve import GaussianHalf
from nirgan.layers.reach import reach


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("settings", "expected", "side", "field"),
    [
        ({"layers": 6}, 25_149_057, 4, 127),
        ({"layers": 4}, 1_551_489, 16, 31),
        ({"layers": 4, "kernel": 4, "padding": "reflect"}, 2_757_057, 16, 46),
    ],
)
def test_counts_logits_and_fields(settings: dict[str, object], expected: int, side: int, field: int) -> None:
    with torch.device("meta"):
        network = StridedDiscriminator(3, **settings)
    assert count(network) == expected
    assert network(torch.zeros(1, 3, 256, 256, device="meta")).shape == (1, 1, side, side)
    first, last = reach(network, 0, 0)
    assert last - first + 1 == field


def test_gradient_reaches_every_parameter_and_the_picture() -> None:
    picture = torch.randn(2, 3, 64, 64, requires_grad=True)
    judges = [StridedDiscriminator(3, width=4, layers=3) for _ in range(3)]
    network = MultiScaleDiscriminator(judges, halve=GaussianHalf())
    sum(each.square().mean() for each in network(picture)).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())
    assert picture.grad is not None


def test_each_scale_has_its_own_judge_at_half_the_sides() -> None:
    judges = [StridedDiscriminator(3, width=4, layers=4) for _ in range(3)]
    pictures = torch.rand(1, 3, 256, 256)
    maps = MultiScaleDiscriminator(judges, halve=nn.AvgPool2d(2))(pictures)
    assert [tuple(each.shape[-2:]) for each in maps] == [(16, 16), (8, 8), (4, 4)]
    for scale, (judge, logits) in enumerate(zip(judges, maps, strict=True)):
        assert torch.allclose(logits, judge(nn.functional.avg_pool2d(pictures, 2**scale)), atol=1e-6)


def test_half_a_picture_by_hand() -> None:
    picture = torch.zeros(1, 2, 6, 6)
    picture[0, 0, 2, 3], picture[0, 1, 4, 0] = 16.0, 16.0
    half = GaussianHalf()(picture)
    expected = torch.zeros(1, 2, 3, 3)
    expected[0, 0, 1, 1] = expected[0, 0, 1, 2] = 16 * 2 / 16  # column 3 lies between columns 2 and 4
    expected[0, 1, 2, 0] = 16 * 2 * (2 + 1) / 16  # column 0 counts as its own border, too
    assert torch.equal(half, expected)


@pytest.mark.parametrize("size", [(1, 1), (7, 4)])
def test_half_a_picture_keeps_its_brightness_at_the_borders(size: tuple[int, int]) -> None:
    half = GaussianHalf()(torch.full((1, 3, *size), 0.5))
    assert half.shape == (1, 3, -(-size[0] // 2), -(-size[1] // 2))
    assert torch.allclose(half, torch.full_like(half, 0.5))
