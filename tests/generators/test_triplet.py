"""The triplet generator: counts, separate branches, noise at every layer, reach."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nirgan.generators.triplet import TripletGenerator
from nirgan.layers.noise_maps import placed_noise

KINDS = [
    {"branch": "plain"},
    {"branch": "plain", "flat": True},
    {"branch": "plain", "head": "affine"},
    {"branch": "unet"},
    {"branch": "unet", "levels": 5, "head": "affine"},
]


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def strong(width: int = 4, channels: int = 1, **settings: object) -> TripletGenerator:
    """In eval mode, with statistics and weights that let far pixels count."""
    torch.manual_seed(0)
    network = TripletGenerator(channels, width=width, **settings)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
    nn.init.zeros_(network.branches[0].last.bias)
    return network.eval().double()


def test_counts_of_the_table() -> None:
    with torch.device("meta"):
        network = TripletGenerator(1)
    assert [count(branch) for branch in network.branches] == [750_666] * 3
    assert count(network) == 2_251_998
    layers = [m for m in network.branches[0].modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels) for m in layers] == [
        (2, 64), (66, 128), (130, 256), (258, 128), (130, 64), (65, 1)
    ]  # fmt: skip
    assert all(m.kernel_size == (3, 3) and m.stride == (1, 1) for m in layers)


def test_flat_is_one_branch_with_three_channels() -> None:
    with torch.device("meta"):
        network = TripletGenerator(1, flat=True)
    assert count(network) == 750_666 + 2 * (9 * 65 + 1)
    assert network(torch.zeros(1, 1, 8, 8, device="meta")).shape == (1, 3, 8, 8)


def test_unet_branch_has_the_plain_ones_widths() -> None:
    with torch.device("meta"):
        branch = TripletGenerator(1, branch="unet").branches[0]
    layers = [m for m in branch.body.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.in_channels, m.out_channels) for m in layers] == [(66, 128), (130, 256), (258, 128), (258, 64)]
    assert (branch.last.in_channels, branch.last.out_channels) == (64 + 64 + 1, 1)


@pytest.mark.parametrize("settings", KINDS)
@pytest.mark.parametrize("channels", [1, 4])
def test_shapes_and_range(settings: dict, channels: int) -> None:
    network = strong(channels=channels, **settings)
    output = network(torch.rand(2, channels, 32, 48, dtype=torch.float64) * 2 - 1)
    assert output.shape == (2, 3, 32, 48)
    assert -1 <= output.min() < output.max() <= 1


@pytest.mark.parametrize("settings", [{}, {"branch": "unet"}, {"head": "affine"}])
def test_a_branch_reaches_its_own_channel_alone(settings: dict) -> None:
    network, source = strong(**settings).train(), torch.rand(2, 1, 16, 16, dtype=torch.float64)
    for channel in range(3):
        network.zero_grad(set_to_none=True)
        network(source, placed_noise(0, 0.1))[:, channel].square().sum().backward()
        for number, branch in enumerate(network.branches):
            reached = [p.grad is not None and bool(p.grad.any()) for p in branch.parameters()]
            assert all(reached) if number == channel else not any(reached)


@pytest.mark.parametrize(("settings", "layers"), [({}, 5), ({"flat": True}, 5), ({"branch": "unet"}, 5)])
def test_every_layer_but_the_last_gets_noise_of_its_own(settings: dict, layers: int) -> None:
    network, source = strong(**settings), torch.rand(1, 1, 16, 16, dtype=torch.float64)
    quiet, branches = network(source), len(network.branches)
    calls: list[tuple[int, int]] = []

    def at(chosen: int | None):
        def noise(picture: Tensor, cell: int) -> Tensor:
            calls.append((picture.shape[-1], cell))
            value = 0.5 if chosen is None or len(calls) - 1 == chosen else 0.0
            return torch.full_like(picture[:, :1], value)

        return noise

    network(source, at(None))
    assert len(calls) == layers * branches
    assert all(side * cell == 16 for side, cell in calls)
    for chosen in range(layers * branches):
        calls.clear()
        changed = (network(source, at(chosen)) != quiet).flatten(2).any(2)[0].tolist()
        assert changed == ([True] * 3 if branches == 1 else [chosen // layers == channel for channel in range(3)])


def test_every_layer_gets_the_source() -> None:
    network, source = strong(branch="unet"), torch.rand(1, 1, 16, 16, dtype=torch.float64)
    seen: list[Tensor] = []
    body = network.branches[0].body
    for layer in (body.encoder[0], body.encoder[1], body.decoder[0], body.out):
        layer.register_forward_pre_hook(lambda _, args: seen.append(args[0][:, -2]))
    network(source)
    for features in seen:
        cell = 16 // features.shape[-1]
        block = source[0, 0].unflatten(0, (-1, cell)).unflatten(2, (-1, cell)).mean((1, 3))
        assert torch.allclose(features[0], block)


def test_affine_head_starts_as_a_copy() -> None:
    network = strong(head="affine")
    for branch in network.branches:
        nn.init.zeros_(branch.last.weight)
        nn.init.zeros_(branch.last.bias)
    source = torch.rand(1, 1, 8, 8, dtype=torch.float64)
    assert torch.allclose(network(source), torch.tanh(source).expand(-1, 3, -1, -1))


@pytest.mark.parametrize("settings", KINDS)
def test_radius_is_exact(settings: dict) -> None:
    network = strong(**settings)
    stride, radius = network.stride, network.radius
    side = -(-(2 * radius + 3 * stride) // stride) * stride
    first = side // 2 // stride * stride
    source = torch.rand(1, 1, stride, side, dtype=torch.float64, requires_grad=True)
    output = network(source)
    widest = 0
    for pixel in range(first, first + stride):
        (gradient,) = torch.autograd.grad(output[..., pixel].sum(), source, retain_graph=True)
        columns = gradient[0, 0].abs().sum(0).nonzero()
        widest = max(widest, pixel - int(columns.min()), int(columns.max()) - pixel)
    assert widest == radius
    assert radius == 6 or settings["branch"] == "unet"
