"""Discriminators: counts, logit maps and fields."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nirgan.discriminators.fpn import FpnDiscriminator
from nirgan.discriminators.patch import PatchDiscriminator
from nirgan.discriminators.pixel import PixelDiscriminator


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (PatchDiscriminator(1), 2_763_585),
        (PatchDiscriminator(4), 2_766_657),
        (PatchDiscriminator(1, norm="instance"), 2_762_689),  # CycleGAN's
        (PatchDiscriminator(3, norm="instance"), 2_764_737),
        (FpnDiscriminator(3), 7_125_059),
        (PixelDiscriminator(4), 4 * 64 + 64 + 64 * 128 + 2 * 128 + 128 + 1),
    ],
)
def test_counts(network: nn.Module, expected: int) -> None:
    assert count(network) == expected


@pytest.mark.parametrize(("side", "map_side"), [(128, 14), (256, 30)])
def test_patch_logits(side: int, map_side: int) -> None:
    assert PatchDiscriminator(1, width=4)(torch.zeros(1, 1, side, side)).shape == (1, 1, map_side, map_side)


def test_pyramid_gives_three_maps() -> None:
    maps = FpnDiscriminator(3, width=4)(torch.zeros(2, 3, 128, 128))
    assert [tuple(each.shape) for each in maps] == [(2, 1, 32, 32), (2, 1, 16, 16), (2, 1, 8, 8)]


def field(logits: Tensor, picture: Tensor) -> int:
    """Side of the square that the logit in the middle depends on."""
    middle = logits[0, 0, logits.shape[2] // 2, logits.shape[3] // 2]
    (gradient,) = torch.autograd.grad(middle, picture, retain_graph=True)
    rows = gradient[0].abs().sum((0, 2)).nonzero().flatten()
    return int(rows[-1] - rows[0]) + 1


@pytest.mark.parametrize(("layers", "expected"), [(1, 16), (2, 34), (3, 70), (4, 142)])
def test_field_of_patches(layers: int, expected: int) -> None:
    torch.manual_seed(0)
    picture = torch.randn(1, 1, 320, 320, requires_grad=True)
    network = PatchDiscriminator(1, width=2, layers=layers).eval()
    assert field(network(picture), picture) == expected


def test_field_of_the_pyramid() -> None:
    torch.manual_seed(0)
    picture = torch.randn(1, 3, 320, 320, requires_grad=True)
    maps = FpnDiscriminator(3, width=2).eval()(picture)
    assert [field(each, picture) for each in maps] == [94, 110, 142]


def test_field_of_a_pixel() -> None:
    picture = torch.randn(1, 3, 8, 8, requires_grad=True)
    assert field(PixelDiscriminator(3, width=4).eval()(picture), picture) == 1


@pytest.mark.parametrize("network", [PatchDiscriminator(3, width=4), PixelDiscriminator(3, width=4)])
def test_gradient_reaches_every_parameter(network: nn.Module) -> None:
    network(torch.randn(2, 3, 64, 64)).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_gradient_reaches_every_parameter_of_the_pyramid() -> None:
    network = FpnDiscriminator(3, width=4)
    sum(each.square().mean() for each in network(torch.randn(2, 3, 64, 64))).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


def test_spectral_norm_divides_by_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    network = PatchDiscriminator(2, width=4, layers=1, norm="none", spectral=True)
    picture = torch.rand(1, 2, 32, 32)
    for _ in range(50):  # each training call goes on with the search
        network(picture)
    for module in network.eval().modules():
        if isinstance(module, nn.Conv2d):
            assert float(torch.linalg.matrix_norm(module.weight.detach().flatten(1), 2)) == pytest.approx(1, abs=0.02)
    assert count(network) == count(PatchDiscriminator(2, width=4, layers=1, norm="none"))
