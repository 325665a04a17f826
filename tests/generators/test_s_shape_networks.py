"""ColorNet and EdgeNet: counts, sizes, wiring, reach."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.generators.colornet import ColorNet
from nirgan.generators.edgenet import EdgeNet


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def with_statistics(network: nn.Module) -> nn.Module:
    """Eval mode in double precision, with statistics that matter."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval().double()


@pytest.mark.parametrize(("side", "code"), [(224, 14), (112, 7)])
def test_colornet_is_that_of_the_table(side: int, code: int) -> None:
    with torch.device("meta"):
        network = ColorNet()
    assert count(network) == 13_394_307
    sizes: list[tuple[int, ...]] = []
    for block in (*network.encoder, *network.decoder):
        block.register_forward_hook(lambda _, __, out: sizes.append(tuple(out.shape[1:])))
    assert network(torch.zeros(2, 1, side, side, device="meta")).shape == (2, 3, side, side)
    channels = (64, 128, 256, 512, 512, 256, 128, 64, 64)
    scales = (16, 8, 4, 2, 1, 2, 4, 8, 16)
    assert sizes == [(width, scale * code, scale * code) for width, scale in zip(channels, scales, strict=True)]


@pytest.mark.parametrize(("out", "depth", "expected"), [(1, 1, 2_499), (1, 2, 76_417), (3, 2, 77_571), (3, 1, 3_657)])
def test_counts_of_edgenet(out: int, depth: int, expected: int) -> None:
    network = EdgeNet(3, out, depth=depth)
    assert count(network) == expected
    assert network(torch.randn(2, 3, 16, 24)).shape == (2, out, 16, 24)


@pytest.mark.parametrize("align_corners", [False, True])
def test_colornet_step_by_step(align_corners: bool) -> None:
    torch.manual_seed(0)
    network = with_statistics(ColorNet(2, 3, width=4, align_corners=align_corners))
    x = torch.randn(2, 2, 32, 48, dtype=torch.float64)

    def twice(block: nn.Sequential, features: Tensor) -> Tensor:
        for conv, norm in ((block[0], block[1]), (block[3], block[4])):
            features = F.relu(norm(F.conv2d(features, conv.weight, conv.bias, padding=1)))
        return features

    skips = [twice(network.encoder[0], x)]
    for block in network.encoder[1:]:
        skips.append(twice(block, F.max_pool2d(skips[-1], 2)))
    features = skips.pop()
    for block in network.decoder:
        size = skips[-1].shape[-2:]
        enlarged = F.interpolate(features, size=size, mode="bilinear", align_corners=align_corners)
        features = twice(block, torch.cat([skips.pop(), enlarged], 1))
    expected = torch.tanh(F.conv2d(features, network.out.weight, network.out.bias))
    torch.testing.assert_close(network(x), expected)


def test_edgenet_as_coded_ends_in_a_norm() -> None:
    kinds = [type(layer).__name__ for layer in EdgeNet(3, 1, depth=1).body]
    assert kinds == ["Conv2d", "BatchNorm2d", "LeakyReLU", "ConvTranspose2d", "BatchNorm2d", "Tanh"]
    deeper = EdgeNet(3, 3, depth=2).body
    assert [type(layer).__name__ for layer in deeper[-2:]] == ["ConvTranspose2d", "Tanh"]
    assert [layer.bias is not None for layer in deeper if hasattr(layer, "kernel_size")] == [False] * 3 + [True]


@pytest.mark.parametrize("depth", [1, 2])
def test_a_residual_starts_from_its_input_and_leaves_it(depth: int) -> None:
    torch.manual_seed(0)
    network, picture = EdgeNet(3, 3, depth=depth, width=8, residual=True), torch.rand(2, 3, 16, 16)
    assert torch.equal(network(picture), picture)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        network(picture).square().mean().backward()
        optimiser.step()
    assert all(parameter.grad.any() for parameter in network.parameters() if parameter.ndim > 1)
    assert (network(picture) - picture).abs().mean() > 1e-3


@pytest.mark.parametrize("network", [ColorNet(1, 3, width=4), EdgeNet(3, 1, depth=1), EdgeNet(3, 3, depth=2)])
def test_gradient_reaches_every_weight(network: nn.Module) -> None:
    channels = next(network.parameters()).shape[1]
    network(torch.randn(2, channels, 32, 32)).square().sum().backward()
    # Biases before batch norm get rounding noise alone.
    assert all(parameter.grad.any() for parameter in network.parameters() if parameter.ndim > 1)


@pytest.mark.parametrize(
    "network", [ColorNet(2, 3, width=2), EdgeNet(2, 1, depth=1, width=4), EdgeNet(2, 3, depth=2, width=4)]
)
def test_radius_is_how_far_the_source_reaches(network: ColorNet | EdgeNet) -> None:
    torch.manual_seed(0)
    for module in network.modules():  # positive means: nothing cancels, no ReLU closes
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    network.eval().double()
    stride, radius = network.stride, network.radius
    middle = -(-(radius + stride) // stride) * stride
    source = torch.rand(1, 2, 2 * stride, 2 * middle + stride, dtype=torch.float64)
    reached = []
    for column in range(middle, middle + stride):
        for side in (-1, 1):
            assert change(network, source, column, column + side * (radius + 1)) == 0
            reached.append(change(network, source, column, column + side * radius))
    assert max(reached) > 0


def change(network: nn.Module, source: Tensor, column: int, other: int) -> float:
    """How much the output's ``column`` moves when the source is far brighter from column ``other`` outwards."""
    brighter = source.clone()
    outwards = slice(other, None) if other > column else slice(None, other + 1)
    brighter[..., outwards] += 1e6  # what arrives from the farthest column is a millionth of a millionth
    with torch.no_grad():
        return float((network(brighter) - network(source))[..., column].abs().max())
