"""Cross-entropy with soft targets, against torch's own on dense ones and by hand."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.losses.soft_cross_entropy import soft_cross_entropy
from nirgan.registry import LOSSES

CLASSES = 7


@pytest.fixture
def case() -> tuple[Tensor, Tensor, Tensor]:
    """Logits (2,7,3,4), classes and shares (2,3,3,4)."""
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(2, CLASSES, 3, 4, generator=generator)
    classes = torch.rand(2, CLASSES, 3, 4, generator=generator).argsort(dim=1)[:, :3]
    shares = torch.rand(2, 3, 3, 4, generator=generator)
    return logits, classes, shares / shares.sum(dim=1, keepdim=True)


def dense(classes: Tensor, shares: Tensor) -> Tensor:
    return torch.zeros(2, CLASSES, 3, 4).scatter(1, classes, shares)


def test_it_is_that_of_dense_targets(case: tuple[Tensor, Tensor, Tensor]) -> None:
    logits, classes, shares = case
    expected = F.cross_entropy(logits, dense(classes, shares))
    assert torch.isclose(soft_cross_entropy(logits, classes, shares), expected)


def test_by_hand() -> None:
    logits = torch.tensor([0.0, math.log(3.0)]).view(1, 2, 1, 1)  # odds of 1/4 and 3/4
    classes, shares = torch.tensor([0, 1]).view(1, 2, 1, 1), torch.tensor([0.5, 0.5]).view(1, 2, 1, 1)
    expected = -(0.5 * math.log(0.25) + 0.5 * math.log(0.75))
    assert float(soft_cross_entropy(logits, classes, shares)) == pytest.approx(expected)


def test_its_least_value_is_the_entropy(case: tuple[Tensor, Tensor, Tensor]) -> None:
    _, classes, shares = case
    entropy = -(shares * shares.log()).sum(dim=1).mean()
    perfect = dense(classes, shares).clamp(min=1e-30).log()
    assert float(soft_cross_entropy(perfect, classes, shares)) == pytest.approx(float(entropy), rel=1e-4)


def test_weights_multiply_and_do_not_normalise(case: tuple[Tensor, Tensor, Tensor]) -> None:
    logits, classes, shares = case
    each = F.cross_entropy(logits, dense(classes, shares), reduction="none")
    weights = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(1)) * 3
    found = soft_cross_entropy(logits, classes, shares, weights=weights)
    assert torch.isclose(found, (weights * each).mean())


def test_what_is_masked_does_not_count(case: tuple[Tensor, Tensor, Tensor]) -> None:
    logits, classes, shares = case
    each = F.cross_entropy(logits, dense(classes, shares), reduction="none")
    second = torch.tensor([False, True]).view(2, 1, 1)
    assert torch.isclose(soft_cross_entropy(logits, classes, shares, mask=second), each[1].mean())
    some = torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(2)) > 0.5
    assert torch.isclose(soft_cross_entropy(logits, classes, shares, mask=some), each[some].mean())


def test_nothing_that_counts_is_nothing_to_learn(case: tuple[Tensor, Tensor, Tensor]) -> None:
    logits, classes, shares = case
    logits = logits.requires_grad_()
    loss = soft_cross_entropy(logits, classes, shares, mask=torch.zeros(2, 1, 1, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_large_logits_and_half_precision_are_borne(case: tuple[Tensor, Tensor, Tensor]) -> None:
    logits, classes, shares = case
    assert soft_cross_entropy(1e4 * logits, classes, shares).isfinite()
    low = soft_cross_entropy(logits.bfloat16(), classes, shares)
    assert low.dtype == torch.float32
    assert torch.isclose(low, soft_cross_entropy(logits, classes, shares), rtol=2e-2)


def test_it_is_found_by_name() -> None:
    assert LOSSES.get("soft-cross-entropy").build is soft_cross_entropy
