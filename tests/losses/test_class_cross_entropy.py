"""Cross-entropy of pictures' classes, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from nirgan.losses.class_cross_entropy import UNKNOWN, class_cross_entropy


def test_mean_over_known_classes_by_hand() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0], [9.0, -9.0]])
    classes = torch.tensor([0, 1, UNKNOWN])  # shares of 3/4 and 1/2; the third does not count
    expected = (math.log(4 / 3) + math.log(2)) / 2
    assert float(class_cross_entropy(logits, classes)) == pytest.approx(expected, rel=1e-6)


def test_without_a_known_class_there_is_no_loss_and_no_gradient() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = class_cross_entropy(logits, torch.tensor([UNKNOWN, UNKNOWN]))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_low_precision_is_widened() -> None:
    assert class_cross_entropy(torch.zeros(1, 2, dtype=torch.bfloat16), torch.tensor([0])).dtype == torch.float32
