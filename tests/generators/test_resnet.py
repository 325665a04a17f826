"""CycleGAN's generator: counts, wiring, borders, reach."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nirgan.generators.resnet import ResNetGenerator
from nirgan.layers.init import init_normal


def on_meta(*args: int, **settings: object) -> ResNetGenerator:
    with torch.device("meta"):
        return ResNetGenerator(*args, **settings)


@pytest.mark.parametrize(
    ("channels", "blocks", "expected"),
    [((1, 3), 9, 11_371_907), ((3, 1), 9, 11_371_905), ((3, 3), 9, 11_378_179), ((1, 3), 6, 7_831_427)],
)
def test_counts_of_the_paper(channels: tuple[int, int], blocks: int, expected: int) -> None:
    network = on_meta(*channels, residual_blocks=blocks)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected
    assert network(torch.zeros(1, channels[0], 64, 96, device="meta")).shape == (1, channels[1], 64, 96)


def test_layers_are_those_of_the_paper() -> None:
    network, sizes = ResNetGenerator(1, 3, width=4, residual_blocks=2), []
    for layer in network.body:
        layer.register_forward_hook(lambda _, __, out: sizes.append((out.shape[1], out.shape[-1])))
    network(torch.zeros(1, 1, 32, 32))
    down = [(4, 32)] * 3 + [(8, 16)] * 3 + [(16, 8)] * 3
    assert sizes == [*down, *[(16, 8)] * 2, *[(8, 16)] * 3, *[(4, 32)] * 3, (3, 32)]
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert [conv.kernel_size[0] for conv in convs] == [7, *[3] * 8, 7]
    assert [conv.stride[0] for conv in convs] == [1, 2, 2, 1, 1, 1, 1, 2, 2, 1]
    assert all(conv.bias is not None for conv in convs)
    assert not any(isinstance(m, nn.Dropout) for m in network.modules())


def test_reflected_borders_are_not_seen() -> None:
    # A constant picture stays constant wherever borders are reflected; the strided convolutions' zeros are two cells
    # away from the rest at most.
    network = ResNetGenerator(1, 1, width=2, residual_blocks=0, norm="none")
    outer = (network.body[0], network.body[-1])
    for conv in outer:
        assert conv.padding_mode == "reflect"
        values = conv(torch.ones(1, conv.in_channels, 16, 16))
        assert torch.allclose(values, values[..., :1, :1].expand_as(values), atol=1e-6)


@pytest.mark.parametrize("upsample", ["transpose", "resize"])
@pytest.mark.parametrize("blocks", [1, 6])
def test_radius_is_how_far_the_source_reaches(upsample: str, blocks: int) -> None:
    torch.manual_seed(0)
    network = ResNetGenerator(2, 3, width=2, residual_blocks=blocks, norm="none", upsample=upsample).double()
    middle = -(-(network.radius + 8) // 4) * 4
    source = torch.randn(1, 2, 8, 2 * middle + 4, dtype=torch.float64)
    assert max(reach(network, source, middle + phase) for phase in range(4)) == network.radius


def reach(network: nn.Module, source: Tensor, column: int) -> int:
    """Farthest column that the output's ``column`` depends on."""
    source = source.clone().requires_grad_()
    network(source)[..., column].sum().backward()
    columns = source.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    return int((columns - column).abs().max())


@pytest.mark.parametrize("upsample", ["transpose", "resize"])
@pytest.mark.parametrize("head", ["direct", "affine"])
def test_gradient_reaches_every_parameter(head: str, upsample: str) -> None:
    torch.manual_seed(0)
    network = ResNetGenerator(1, 3, width=4, residual_blocks=1, norm="batch", head=head, upsample=upsample)
    network(torch.randn(2, 1, 16, 16)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize(("head", "gain"), [("direct", 0.0), ("affine", 1.0)])
def test_a_last_layer_of_zeros_draws_grey_or_a_copy(head: str, gain: float) -> None:
    network = ResNetGenerator(2, 3, width=4, residual_blocks=1, head=head)
    init_normal(network.body[-1], std=0.0)
    source = 2 * torch.rand(2, 2, 32, 32) - 1
    expected = torch.tanh(gain * source.mean(dim=1, keepdim=True)).expand(-1, 3, -1, -1)
    assert torch.allclose(network(source), expected, atol=1e-6)


def test_the_smallest_picture_passes_and_a_smaller_one_does_not() -> None:
    network = ResNetGenerator(1, 3, width=2, residual_blocks=1)
    assert network(torch.rand(1, 1, network.smallest, network.smallest)).shape == (1, 3, 8, 8)
    with pytest.raises((ValueError, RuntimeError)):
        network(torch.rand(1, 1, network.stride, network.stride))
