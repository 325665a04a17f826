"""The U-Net of both papers: counts, wiring, reach."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.generators.unet import UNet
from nirgan.layers.init import init_normal

UNET_256 = (64, 128, 256, 512, 512, 512, 512, 512)
PIX2PIX = {"innermost_norm": False, "rectified_skips": True, "bias_without_norm": False}


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def on_meta(*args: int, **settings: object) -> UNet:
    with torch.device("meta"):
        return UNet(*args, **settings)


@pytest.mark.parametrize(
    ("channels", "res_blocks", "expected"), [((1, 3), 6, 34_494_147), ((1, 3), 9, 48_656_067), ((3, 1), 0, 6_168_257)]
)
def test_counts_of_the_asymmetric_cyclegan(channels: tuple[int, int], res_blocks: int, expected: int) -> None:
    network = on_meta(*channels, residual_blocks=res_blocks)
    assert count(network) == expected
    assert network(torch.zeros(1, channels[0], 128, 128, device="meta")).shape == (1, channels[1], 128, 128)


@pytest.mark.parametrize(
    ("channels", "levels", "expected"),
    [((1, 3), 8, 54_411_907), ((3, 3), 8, 54_413_955), ((1, 2), 8, 54_409_858), ((1, 3), 7, 41_826_947)],
)
def test_counts_of_pix2pix(channels: tuple[int, int], levels: int, expected: int) -> None:
    network = on_meta(*channels, channels=UNET_256[:levels], **PIX2PIX)
    assert count(network) == expected
    side = 2**levels
    assert network(torch.zeros(1, channels[0], side, side, device="meta")).shape == (1, channels[1], side, side)


def test_without_skips_the_decoder_takes_half() -> None:
    plain, skipped = on_meta(1, 3, channels=UNET_256, skips=False), on_meta(1, 3, channels=UNET_256)
    saved = sum(16 * inside * after for inside, after in zip(UNET_256[1:-1], UNET_256[:-2], strict=True))
    saved += 16 * 64 * 3  # the last layer
    assert count(skipped) - count(plain) == saved
    assert plain(torch.zeros(1, 1, 512, 256, device="meta")).shape == (1, 3, 512, 256)


def random_unet(**settings: object) -> UNet:
    torch.manual_seed(0)
    network = UNet(2, 3, **settings).eval()
    for module in network.modules():  # statistics that eval mode must use
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network


def test_pix2pix_rectifies_after_the_concatenation() -> None:
    network = random_unet(channels=(4, 8, 8), **PIX2PIX)
    x = torch.randn(2, 2, 16, 16)
    # As the authors' codes say it: activation, convolution, norm in each block, on the whole concatenation.
    e1 = network.encoder[0](x)
    e2 = network.encoder[1](F.leaky_relu(e1, 0.2))
    e3 = network.encoder[2](F.leaky_relu(e2, 0.2))
    d1 = network.decoder[0](F.relu(e3))
    d2 = network.decoder[1](F.relu(torch.cat([d1, e2], 1)))
    expected = torch.tanh(network.out(F.relu(torch.cat([d2, e1], 1))))
    assert torch.allclose(network(x), expected, atol=1e-6)


def test_the_asymmetric_cyclegan_hands_on_what_its_encoder_goes_on_with() -> None:
    network = random_unet(channels=(4, 8, 8), residual_blocks=2)
    x = torch.randn(2, 2, 16, 16)
    e1 = F.leaky_relu(network.encoder[0](x), 0.2)
    e2 = F.leaky_relu(network.encoder[1](e1), 0.2)
    e3 = network.bottom(F.leaky_relu(network.encoder[2](e2), 0.2))
    d1 = torch.cat([F.relu(network.decoder[0](e3)), e2], 1)
    d2 = torch.cat([F.relu(network.decoder[1](d1)), e1], 1)
    assert torch.allclose(network(x), torch.tanh(network.out(d2)), atol=1e-6)


def test_norms_stand_where_the_tables_say() -> None:
    kinds = [type(block[1]).__name__ for block in UNet(1, 3, channels=(4, 8, 8), innermost_norm=False).encoder]
    assert kinds == ["Identity", "BatchNorm2d", "Identity"]
    kinds = [type(block[1]).__name__ for block in UNet(1, 3, channels=(4, 8, 8), norm="instance").encoder]
    assert kinds == ["Identity", "InstanceNorm2d", "InstanceNorm2d"]


def test_convolutions_before_instance_norm_have_a_bias() -> None:
    network = UNet(1, 3, channels=(4, 8), norm="instance", residual_blocks=1)
    convs = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]
    assert all(conv.bias is not None for conv in convs)


def test_dropout_stands_in_the_blocks_that_were_named() -> None:
    network = UNet(1, 3, channels=(4, 4, 4, 4, 4), dropout_blocks=(2, 3))
    assert [any(isinstance(m, nn.Dropout) for m in block) for block in network.decoder] == [False, True, True, False]


@pytest.mark.parametrize("upsample", ["transpose", "resize"])
@pytest.mark.parametrize("settings", [PIX2PIX, {"residual_blocks": 2}, {"head": "affine"}])
def test_gradient_reaches_every_parameter(settings: dict[str, object], upsample: str) -> None:
    network = UNet(1, 3, channels=(4, 8, 8), upsample=upsample, **settings)
    network(torch.randn(2, 1, 16, 16)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in network.parameters())


@pytest.mark.parametrize(
    "settings",
    [
        {"channels": (2, 4, 4, 4), "residual_blocks": 6},
        {"channels": (2, 4, 4), "residual_blocks": 1, "upsample": "resize"},
        {"channels": (4, 8, 16, 16, 32), **PIX2PIX},
        {"channels": (2, 4, 4), "upsample": "resize", "head": "affine"},
    ],
)
def test_radius_is_how_far_the_source_reaches(settings: dict[str, object]) -> None:
    network = random_unet(**settings).double()
    stride, radius = network.stride, network.radius
    # A strip: rows enough for the reflected borders, columns enough for the radius on both sides.
    middle = -(-(radius + stride) // stride) * stride
    source = torch.randn(1, 2, 2 * stride, 2 * middle + stride, dtype=torch.float64)
    reached = max(reach(network, source, middle + phase) for phase in range(stride))
    assert reached == radius


def reach(network: nn.Module, source: Tensor, column: int) -> int:
    """Farthest column that the output's ``column`` depends on."""
    source = source.clone().requires_grad_()
    network(source)[..., column].sum().backward()
    columns = source.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    return int((columns - column).abs().max())


@pytest.mark.parametrize(
    ("settings", "gain"), [({}, 0), ({"head": "affine"}, 1), ({"head": "affine", "start": 0.0}, 0)]
)
def test_starting_output_is_near_grey_or_a_copy(settings: dict[str, object], gain: float) -> None:
    torch.manual_seed(0)
    network = UNet(2, 3, channels=(8, 16, 16), **settings)
    init_normal(network)
    source = torch.rand(2, 2, 32, 32)
    assert (network(source) - torch.tanh(gain * source.mean(dim=1, keepdim=True))).abs().mean() < 0.2


@pytest.mark.parametrize(
    ("settings", "smallest"),
    [
        ({}, 8),
        (PIX2PIX, 8),
        ({"norm": "instance"}, 16),
        ({"norm": "instance", "innermost_norm": False}, 8),
        ({"residual_blocks": 1}, 16),
    ],
)
def test_it_takes_sides_of_its_smallest(settings: dict[str, object], smallest: int) -> None:
    network = UNet(1, 3, channels=(4, 8, 8), **settings).eval()
    assert network.smallest == smallest
    assert network(torch.rand(1, 1, smallest, smallest)).shape == (1, 3, smallest, smallest)
