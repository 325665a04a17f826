"""Losses against values worked by hand, and SSIM against scikit-image."""

from __future__ import annotations

import math

import pytest
import torch
from skimage.metrics import structural_similarity

from nirgan.losses.gan import cross_entropy, discriminator_loss, gan_criterion, judged_as, least_squares
from nirgan.losses.gaussian_kl import gaussian_kl
from nirgan.losses.l1 import l1
from nirgan.losses.ssim import ssim_loss
from nirgan.registry import LOSSES

LOGITS = torch.tensor([[[[0.5, 2.0]]]])


def test_least_squares_by_hand() -> None:
    assert least_squares(LOGITS, True) == pytest.approx((0.25 + 1.0) / 2)
    assert least_squares(LOGITS, False) == pytest.approx((0.25 + 4.0) / 2)


def test_cross_entropy_by_hand() -> None:
    real = [math.log(1 + math.exp(-0.5)), math.log(1 + math.exp(-2.0))]
    fake = [math.log(1 + math.exp(0.5)), math.log(1 + math.exp(2.0))]
    assert cross_entropy(LOGITS, True) == pytest.approx(sum(real) / 2)
    assert cross_entropy(LOGITS, False) == pytest.approx(sum(fake) / 2)


def test_cross_entropy_bears_large_logits() -> None:
    assert cross_entropy(torch.tensor([1e4]), False) == pytest.approx(1e4)


def test_discriminators_loss_is_halved() -> None:
    real, fake = torch.zeros(1, 1, 2, 2), torch.full((1, 1, 2, 2), 3.0)
    assert discriminator_loss(real, fake, least_squares) == pytest.approx((1 + 9) / 2)


def test_scales_count_alike_whatever_their_size() -> None:
    maps = [torch.zeros(1, 1, 8, 8), torch.full((1, 1, 1, 1), 3.0)]
    assert judged_as(maps, True, least_squares) == pytest.approx((1 + 4) / 2)
    assert discriminator_loss(maps, maps, least_squares) == pytest.approx(((1 + 4) / 2 + (0 + 9) / 2) / 2)


def test_scales_may_be_summed() -> None:
    maps = [torch.zeros(1, 1, 8, 8), torch.full((1, 1, 1, 1), 3.0)]
    assert judged_as(maps, True, least_squares, scales="sum") == pytest.approx(1 + 4)
    assert judged_as(LOGITS, True, least_squares, scales="sum") == judged_as(LOGITS, True, least_squares)


def test_kl_of_codes_is_their_mean_square() -> None:
    assert gaussian_kl(torch.zeros(2, 3)) == 0
    assert gaussian_kl(torch.tensor([1.0, -3.0])) == pytest.approx(5)


def test_criteria_are_found_by_name() -> None:
    assert gan_criterion("lsgan") is least_squares
    assert gan_criterion("bce") is cross_entropy
    assert {"l1", "ssim"} <= set(LOSSES.names())


def test_l1_averages_over_channels_too() -> None:
    output, target = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    output[:, 0] = 0.6
    assert l1(output, target) == pytest.approx(0.2)


def test_ssim_agrees_with_scikit_image() -> None:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(1, 3, 40, 48, generator=generator)
    output = (target + 0.1 * torch.randn(target.shape, generator=generator)).clamp(0, 1)
    full = structural_similarity(
        output[0].numpy(),
        target[0].numpy(),
        channel_axis=0,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1]
    inside = full[:, 5:-5, 5:-5].mean()
    assert float(ssim_loss(output, target)) == pytest.approx(1 - inside, abs=1e-5)
    assert float(ssim_loss(255 * output, 255 * target, data_range=255.0)) == pytest.approx(1 - inside, abs=1e-5)
    assert float(ssim_loss(target, target)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_losses_are_float32_scalars_even_under_autocast(dtype: torch.dtype) -> None:
    picture = torch.rand(1, 3, 16, 16).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        values = [
            l1(picture, 1 - picture),
            ssim_loss(picture, 1 - picture),
            judged_as(picture, True, least_squares),
            discriminator_loss([picture], [picture], cross_entropy),
        ]
    assert all(value.dtype == torch.float32 and value.shape == () for value in values)
