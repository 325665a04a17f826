"""How far chains of layers look, against what gradients say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nirgan.layers.reach import radius, reach
from nirgan.layers.residual import ResidualBlock
from nirgan.layers.upsample import ResizeConv2d

LAYERS = {
    "3×3": nn.Conv2d(1, 1, 3, padding=1),
    "dilated": nn.Conv2d(1, 1, 3, padding=2, dilation=2),
    "4×4, stride 2": nn.Conv2d(1, 1, 4, stride=2, padding=1),
    "transposed 4×4": nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1),
    "transposed 3×3": nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=1),
    "resized": ResizeConv2d(1, 1),
    "nearest": nn.Upsample(scale_factor=2),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear"),
    "bilinear, four times": nn.Upsample(scale_factor=4, mode="bilinear"),
    "pooled": nn.MaxPool2d(2),
    "averaged": nn.AvgPool2d(4),
    "residual": ResidualBlock(1, norm="none"),
    "pointwise": nn.LeakyReLU(),
}


def seen(network: nn.Module, column: int, width: int = 96) -> tuple[int, int]:
    """First and last input column with a gradient at an output column, of any row."""
    columns: set[int] = set()
    for seed in range(3):  # the maximum of a pool, and a closed ReLU, pass one of their inputs at a time
        source = torch.randn(8, 1, 32, width, generator=torch.Generator().manual_seed(seed)).double().requires_grad_()
        network(source)[..., column].sum().backward()
        assert source.grad is not None
        columns |= set(source.grad.abs().sum((0, 1, 2)).nonzero().flatten().tolist())
    return min(columns), max(columns)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layers_reach_is_where_its_gradient_goes(name: str) -> None:
    torch.manual_seed(0)
    layer = LAYERS[name].double()
    for column in (18, 19, 20, 21):
        assert reach(layer, column, column) == seen(layer, column), column


@pytest.mark.parametrize(
    "up", [("transposed 3×3", "transposed 4×4"), ("resized", "resized"), ("nearest", "3×3", "bilinear")]
)
def test_the_radius_of_a_chain_is_the_farthest_of_its_positions(up: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    down = nn.Sequential(LAYERS["4×4, stride 2"], LAYERS["residual"])
    chain = nn.Sequential(down, nn.Conv2d(1, 1, 3, stride=2, padding=1), *(LAYERS[name] for name in up)).double()
    ends = [(column, *seen(chain, column)) for column in range(48, 52)]
    assert radius(chain, 4) == max(max(column - first, last - column) for column, first, last in ends)


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(TypeError, match="ModuleList"):
        reach(nn.ModuleList([nn.Conv2d(1, 1, 3)]), 0, 0)


def test_a_network_may_tell_its_own_reach() -> None:
    class Shifted(nn.Module):
        def reach(self, first: int, last: int) -> tuple[int, int]:
            return first - 7, last + 1

    assert reach(nn.Sequential(Shifted(), LAYERS["3×3"]), 10, 12) == (10 - 1 - 7, 12 + 1 + 1)
