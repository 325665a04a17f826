"""Smooth L1, and means over what counts."""

from __future__ import annotations

import pytest
import torch

from nirgan.losses.masked_mean import masked_mean
from nirgan.losses.smooth_l1 import smooth_l1


def test_smooth_l1_by_hand() -> None:
    # One picture of two channels and two points: differences (0.5, 3) and (0, -2), β = 1.
    output = torch.tensor([[[[0.5, 0.0]], [[3.0, -2.0]]]])
    points = (0.125 + 2.5, 0 + 1.5)  # d²/2 below β, |d| - ½ above; summed over channels
    assert float(smooth_l1(output, torch.zeros_like(output), beta=1.0)) == pytest.approx(sum(points) / 2)
    # β = 2: 0.0625 and 2; and at β itself both forms give β/2.
    wider = (0.0625 + 2.0, 0 + 1.0)
    assert float(smooth_l1(output, torch.zeros_like(output), beta=2.0)) == pytest.approx(sum(wider) / 2)


def test_no_beta_is_the_sum_of_absolute_differences() -> None:
    output, target = torch.randn(2, 2, 4, 4), torch.randn(2, 2, 4, 4)
    by_hand = (output - target).abs().sum(1).mean()
    assert float(smooth_l1(output, target, beta=0.0)) == pytest.approx(float(by_hand), rel=1e-5)


def test_only_pictures_that_count_do() -> None:
    output = torch.ones(2, 2, 4, 4).requires_grad_()
    target = torch.zeros(2, 2, 4, 4)
    target[1] = 7
    loss = smooth_l1(output, target, beta=0.0, mask=torch.tensor([True, False])[:, None, None])
    assert float(loss.detach()) == 2
    loss.backward()
    assert output.grad is not None
    assert output.grad[0].all()
    assert not output.grad[1].any()


def test_where_nothing_counts_the_mean_and_its_gradient_are_zero() -> None:
    values = torch.rand(2, 3, 3, requires_grad=True)
    mean = masked_mean(values, torch.zeros(2, 1, 1, dtype=torch.bool))
    mean.backward()
    assert mean == 0
    assert values.grad is not None
    assert not values.grad.any()


def test_a_mask_may_be_of_points() -> None:
    values = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert masked_mean(values, values > 2) == 3.5
    assert masked_mean(values, None) == 2.5


def test_it_is_float32_in_low_precision() -> None:
    assert (
        smooth_l1(torch.ones(1, 2, 3, 3, dtype=torch.bfloat16), torch.zeros(1, 2, 3, 3), beta=1).dtype == torch.float32
    )
