"""Divergence of histograms, by hand and against torch's own."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.losses.histogram_kl import histogram_kl
from nirgan.registry import LOSSES


@pytest.fixture
def case() -> tuple[Tensor, Tensor]:
    """Logits and histograms (2,32,3,4), some bins empty."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(2, 32, 3, 4, generator=generator)
    counts = (torch.rand(2, 32, 3, 4, generator=generator) - 0.5).clamp(min=0)
    return logits, counts / counts.sum(dim=1, keepdim=True)


def test_it_is_nothing_at_the_target(case: tuple[Tensor, Tensor]) -> None:
    logits, _ = case
    assert abs(float(histogram_kl(logits, logits.softmax(dim=1)))) < 1e-6
    one = F.one_hot(torch.tensor([[[3]]]), 32).movedim(-1, 1).float()
    assert float(histogram_kl(50 * one, one)) < 1e-6


def test_by_hand() -> None:
    logits = torch.tensor([0.0, math.log(3.0)]).view(1, 2, 1, 1)  # a quarter and three
    halves = torch.tensor([0.5, 0.5]).view(1, 2, 1, 1)
    assert float(histogram_kl(logits, halves)) == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    first = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1)
    assert float(histogram_kl(logits, first)) == pytest.approx(math.log(4))


def test_it_is_torchs(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    expected = F.kl_div(logits.log_softmax(dim=1), target, reduction="none").sum(dim=1).mean()
    assert torch.isclose(histogram_kl(logits, target), expected)


def test_of_single_colours_it_is_cross_entropy(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    classes = target.argmax(dim=1)
    target = F.one_hot(classes, 32).movedim(-1, 1).float()
    assert torch.isclose(histogram_kl(logits, target), F.cross_entropy(logits, classes))


def test_weights_count_by_points(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    weights = torch.zeros(2, 3, 4)
    weights[1, 2, 3] = 0.5
    alone = histogram_kl(logits[1:, :, 2:, 3:], target[1:, :, 2:, 3:])
    assert torch.isclose(histogram_kl(logits, target, weights=weights), 0.5 * alone / 24)


def test_its_gradient_is_the_difference(case: tuple[Tensor, Tensor]) -> None:
    logits, target = case
    logits.requires_grad_()
    histogram_kl(logits, target).backward()
    assert logits.grad is not None
    assert torch.allclose(logits.grad, (logits.detach().softmax(dim=1) - target) / 24, atol=1e-6)


def test_it_is_registered() -> None:
    assert LOSSES.get("histogram-kl").build is histogram_kl
