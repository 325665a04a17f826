"""Hypercolumns: what they hold, sums of products against the product of the whole, interpolation, reach."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.generators.hypercolumn import Hypercolumn

SOURCES = torch.rand(2, 1, 64, 96, generator=torch.Generator().manual_seed(0)) - 0.45


def build(**options: int) -> Hypercolumn:
    torch.manual_seed(0)
    return Hypercolumn(**{"width": 2, "fc": 8, "hidden": 6, **options}).eval().requires_grad_(False)  # type: ignore[arg-type]


def showing(layer: str) -> Hypercolumn:
    """A network whose answer is one of its layers, interpolated, and nothing else."""
    number = ["source", *build().layers].index(layer)
    channels = build().channels[number]
    network = build(hidden=channels)
    network.top = nn.Sequential()
    for part in network.mix:
        part.weight.zero_()
    network.mix[number].weight.copy_(torch.eye(channels)[:, :, None, None])
    return network


def layer_of(network: Hypercolumn, name: str, sources: Tensor = SOURCES) -> Tensor:
    return list(network.features(sources))[["source", *network.layers].index(name)]


def test_a_hypercolumn_has_12417_numbers() -> None:
    with torch.device("meta"):
        network = Hypercolumn()
    assert network.length == 12_417
    assert network.channels == (1, 64, 64, 128, 128, *[256] * 3, *[512] * 6, 4096, 4096)
    assert network.strides == (1, 1, 1, 2, 2, *[4] * 3, *[8] * 3, *[16] * 3, 32, 32)
    assert sum(part.weight.numel() for part in network.mix) == 12_417 * 1024


def test_layers_have_their_resolutions() -> None:
    network = build()
    for features, stride, channels in zip(network.features(SOURCES), network.strides, network.channels, strict=True):
        assert features.shape == (2, channels, 64 // stride, 96 // stride)
    assert network(SOURCES).shape == (2, 64, 16, 24)


def test_the_sum_of_products_is_the_product_of_the_whole() -> None:
    network = build().double()
    brought = []
    for features, stride in zip(network.features(SOURCES.double()), network.strides, strict=True):
        fine = F.avg_pool2d(features, max(1, 4 // stride))
        brought.append(F.interpolate(fine, size=(16, 24), mode="bilinear", align_corners=False))
    columns = torch.cat(brought, dim=1)
    assert columns.shape[1] == network.length
    matrix = torch.cat([part.weight for part in network.mix], dim=1)
    hidden = F.conv2d(columns, matrix, network.mix[0].bias).relu()
    expected = F.conv2d(hidden, network.top[-1].weight, network.top[-1].bias)
    assert torch.allclose(network(SOURCES.double()), expected, atol=1e-10)


def places_of(pixels: list[tuple[int, int]], height: int = 64, width: int = 96) -> Tensor:
    """x and y (2,N,2) of rows and columns, for both sources."""
    places = [((2 * column + 1) / width - 1, (2 * row + 1) / height - 1) for row, column in pixels]
    return torch.tensor(places).expand(2, -1, -1)


@pytest.mark.parametrize(
    ("layer", "stride"), [("source", 1), ("conv1_2", 1), ("conv2_1", 2), ("conv3_3", 4), ("conv4_1", 8), ("fc7", 32)]
)
def test_points_are_interpolated_in_each_layer(layer: str, stride: int) -> None:
    network, pixels = showing(layer), [(0, 0), (33, 17), (40, 41), (63, 95), (5, 94)]
    features = layer_of(network, layer)
    found = network.at(SOURCES, places_of(pixels))
    assert found.shape == (2, features.shape[1], 1, len(pixels))
    for number, pixel in enumerate(pixels):
        # Between the middles of cells; beyond the outermost ones nothing changes.
        spots = [
            min(max((place + 0.5) / stride - 0.5, 0), side - 1)
            for place, side in zip(pixel, features.shape[-2:], strict=True)
        ]
        expected = torch.zeros(features.shape[:2])
        for row in range(features.shape[-2]):
            for column in range(features.shape[-1]):
                weight = max(0, 1 - abs(spots[0] - row)) * max(0, 1 - abs(spots[1] - column))
                if weight:
                    expected += weight * features[..., row, column]
        assert torch.allclose(found[..., 0, number], expected, atol=1e-4), pixel


def test_the_gradient_goes_to_four_cells() -> None:
    network, seen = showing("conv4_1").requires_grad_(True), []

    def keep(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        output.retain_grad()
        seen.append(output)

    network.layers["conv4_1"].register_forward_hook(keep)
    network.at(SOURCES[:1], places_of([(33, 17)])[:1])[0, 0].sum().backward()
    gradient = seen[0].grad[0, 0]
    # (33 + ½)/8 - ½ = 3.6875 and (17 + ½)/8 - ½ = 1.6875
    near, far = 1 - 0.6875, 0.6875
    assert gradient.nonzero().tolist() == [[3, 1], [3, 2], [4, 1], [4, 2]]
    expected = torch.tensor([[near * near, near * far], [far * near, far * far]])
    assert torch.allclose(gradient[3:5, 1:3], expected, atol=1e-5)


def test_cells_and_points_agree_on_layers_that_are_not_averaged() -> None:
    network = build()
    for part in network.mix[:5]:  # finer than a cell
        part.weight.zero_()
    rows, columns = ((2 * torch.arange(side) + 1) / side - 1 for side in (16, 24))
    middles = torch.cartesian_prod(rows, columns).flip(-1).expand(2, -1, -1)
    assert torch.allclose(network.at(SOURCES, middles)[:, :, 0], network(SOURCES).flatten(2), atol=1e-5)


@pytest.mark.parametrize(("fc", "stride", "radius"), [(8, 32, 235), (0, 16, 115)])  # by hand
def test_how_far_it_looks(fc: int, stride: int, radius: int) -> None:
    network = build(fc=fc)
    assert (network.stride, network.radius) == (stride, radius)


@pytest.mark.parametrize("fc", [8, 0])
@pytest.mark.parametrize("column", [304, 318, 335])
def test_gradients_stay_within_the_radius(fc: int, column: int) -> None:
    network = build(fc=fc).double()
    source = torch.randn(4, 1, 32, 640, generator=torch.Generator().manual_seed(0)).double().requires_grad_()
    F.interpolate(network(source), scale_factor=4, mode="bilinear")[..., column].sum().backward()
    assert source.grad is not None
    seen = source.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    assert column - network.radius <= int(seen.min())
    assert int(seen.max()) <= column + network.radius
    assert seen.max() - seen.min() > network.radius  # more than half of it is used


def test_numbers_that_are_read_start_as_one_matrix() -> None:
    network = build(width=8, hidden=64)
    matrix = torch.cat([part.weight for part in network.mix], dim=1)
    assert float(matrix.std()) == pytest.approx(math.sqrt(2 / network.length), rel=0.02)
    assert float(network.top[-1].weight.std()) == pytest.approx(0.01, rel=0.05)


def test_norms_take_the_place_of_biases() -> None:
    network = Hypercolumn(width=2, fc=8, hidden=6, norm="batch")
    convolutions = [part for part in network.layers.modules() if isinstance(part, nn.Conv2d)]
    assert [part.bias is None for part in convolutions] == [True] * 13 + [False] * 2
    assert sum(isinstance(part, nn.BatchNorm2d) for part in network.modules()) == 13
