"""One-sided label smoothing."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from nirgan.losses.gan import cross_entropy, least_squares
from nirgan.losses.label_smoothing import smoothed

LOGITS = torch.tensor([-2.0, 0.3, 5.0])


def test_cross_entropy_has_the_label_in_place_of_one() -> None:
    smooth = smoothed(cross_entropy, 0.9)
    by_hand = F.binary_cross_entropy_with_logits(LOGITS, torch.full((3,), 0.9))
    assert torch.isclose(smooth(LOGITS, True), by_hand)
    assert smooth(LOGITS, False) == cross_entropy(LOGITS, False)


def test_least_squares_has_the_labels_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    smoothed(least_squares, 0.9)(logits, True).backward()
    assert torch.allclose(logits.grad, 2 * (LOGITS - 0.9) / 3)


def test_a_label_of_one_changes_nothing() -> None:
    assert smoothed(cross_entropy, 1.0)(LOGITS, True) == cross_entropy(LOGITS, True)
