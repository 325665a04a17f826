"""Blocks: shapes, counts and starting weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nirgan.layers.init import init_kaiming, init_normal
from nirgan.layers.norm import InstanceNorm2d, make_norm
from nirgan.layers.residual import ResidualBlock
from nirgan.layers.upsample import upsampling_conv


def test_instance_norm_is_plain() -> None:
    norm = make_norm("instance", 4)
    assert isinstance(norm, nn.InstanceNorm2d)
    assert not norm.affine
    assert not norm.track_running_stats


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_has_the_right_gradient_in_every_layout(
    batch: int, affine: bool, memory_format: torch.memory_format
) -> None:
    own, plain = InstanceNorm2d(5, affine=affine), nn.InstanceNorm2d(5, affine=affine).double()
    x = (3 * torch.randn(batch, 5, 9, 7) + 2).to(memory_format=memory_format).requires_grad_()
    gradient = torch.randn(batch, 5, 9, 7).to(memory_format=torch.channels_last)
    exact = x.detach().double().contiguous().requires_grad_()
    out, expected = own(x), plain(exact)
    out.backward(gradient)
    expected.backward(gradient.double().contiguous())
    assert out.is_contiguous(memory_format=memory_format)
    for mine, true in zip(
        (out, x.grad, *(p.grad for p in own.parameters())),
        (expected, exact.grad, *(p.grad for p in plain.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(mine.double(), true, atol=2e-5, rtol=1e-5)


def test_instance_norm_is_accurate_on_large_pictures() -> None:
    x = (torch.randn(1, 2, 700, 600) + 10).to(memory_format=torch.channels_last)
    expected = nn.InstanceNorm2d(2)(x.double().contiguous())
    torch.testing.assert_close(InstanceNorm2d(2)(x).double(), expected, atol=1e-5, rtol=1e-5)


def test_instance_norm_of_one_value_is_refused_as_by_torch() -> None:
    with pytest.raises(ValueError, match="more than 1 spatial element"):
        InstanceNorm2d(2)(torch.randn(2, 2, 1, 1).to(memory_format=torch.channels_last))


@pytest.mark.parametrize(
    ("norm", "count"), [("batch", 2 * (64 * 64 * 9 + 2 * 64)), ("instance", 2 * (64 * 64 * 9 + 64))]
)
def test_residual_block_has_a_bias_only_where_no_batch_norm_follows(norm: str, count: int) -> None:
    assert sum(p.numel() for p in ResidualBlock(64, norm=norm).parameters()) == count


def test_residual_block_starts_from_the_identity_when_its_last_gain_is_zero() -> None:
    block = ResidualBlock(8)
    nn.init.zeros_(block.body[-1].weight)
    x = torch.randn(2, 8, 5, 6)
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("padding", ["reflect", "zeros"])
def test_residual_padding_shows_at_the_border_alone(padding: str) -> None:
    # A constant picture stays constant under reflection; zeros darken the border.
    block = ResidualBlock(1, norm="none", padding=padding)
    for conv in (block.body[0], block.body[3]):
        nn.init.constant_(conv.weight, 1 / 9)
        nn.init.zeros_(conv.bias)
    out = block(torch.ones(1, 1, 7, 7))
    assert torch.allclose(out[..., 3, 3], torch.tensor(2.0))
    assert torch.allclose(out, torch.full_like(out, 2.0)) == (padding == "reflect")


def test_dropout_of_a_residual_block_is_off_in_eval_mode() -> None:
    block, x = ResidualBlock(4, dropout=0.5), torch.randn(2, 4, 6, 6)
    assert not torch.equal(block(x), block(x))
    assert torch.equal(block.eval()(x), block(x))


@pytest.mark.parametrize("kind", ["transpose", "resize"])
@pytest.mark.parametrize("kernel", [3, 4])
def test_upsampling_doubles_the_sides(kind: str, kernel: int) -> None:
    conv = upsampling_conv(kind, 3, 5, bias=False, kernel=kernel)
    assert conv(torch.randn(2, 3, 4, 6)).shape == (2, 5, 8, 12)
    assert conv.kernel_size == ((kernel, kernel) if kind == "transpose" else (3, 3))


def test_resize_convolution_is_what_its_name_says() -> None:
    torch.manual_seed(0)
    fast, x = upsampling_conv("resize", 5, 7, bias=True).double(), torch.randn(2, 5, 6, 9).double().requires_grad_()
    plain = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(5, 7, 3, padding=1, padding_mode="reflect")).double()
    plain[1].load_state_dict(fast.state_dict())
    weight = torch.randn(2, 7, 12, 18).double()
    results = []
    for network, parameters in ((fast, fast.parameters()), (plain, plain.parameters())):
        out = network(x)
        results.append((out, *torch.autograd.grad((out * weight).sum(), (x, *parameters))))
    for ours, theirs in zip(*results, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-10)


def test_resize_convolution_leaves_no_checkerboard() -> None:
    flat = torch.ones(1, 4, 6, 6)
    torch.manual_seed(0)
    resized = upsampling_conv("resize", 4, 1, bias=False)(flat)
    transposed = upsampling_conv("transpose", 4, 1, bias=False)(flat)
    assert resized.std() < 1e-6
    assert transposed.std() > 1e-3


def test_starting_weights_are_those_of_dcgan() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(16, 64, 4), nn.BatchNorm2d(4096), nn.ConvTranspose2d(64, 16, 4), nn.InstanceNorm2d(4)
    )
    init_normal(network)
    for conv in (network[0], network[2]):
        assert conv.weight.mean().abs() < 1e-3
        assert 0.019 < conv.weight.std() < 0.021
        assert not conv.bias.any()
    assert abs(network[1].weight.mean() - 1) < 2e-3
    assert 0.019 < network[1].weight.std() < 0.021
    assert not network[1].bias.any()


def test_starting_weights_of_he_keep_the_variance() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(*(layer for _ in range(4) for layer in (nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())))
    init_kaiming(network)
    assert not any(conv.bias.detach().any() for conv in network[::2])
    x = torch.randn(2, 64, 32, 32)
    assert 0.5 < (network(x).square().mean() / x.square().mean()).item() < 2
