"""Minus PSNR as a loss."""

from __future__ import annotations

import pytest
import torch

from nirgan.losses.log_error import LEAST, log_error
from nirgan.metrics import psnr


def test_it_is_minus_the_mean_psnr_in_bels() -> None:
    random = torch.Generator().manual_seed(0)
    output, target = (torch.rand(3, 3, 8, 8, generator=random) for _ in range(2))
    expected = -psnr(output, target).mean() / 10
    assert float(log_error(output, target)) == pytest.approx(float(expected), abs=1e-3)


def test_each_picture_has_the_same_say() -> None:
    target = torch.zeros(2, 3, 4, 4)
    output = torch.stack((torch.full((3, 4, 4), 0.1), torch.full((3, 4, 4), 0.4))).requires_grad_()
    log_error(output, target).backward()
    assert output.grad is not None
    moved = (output.grad * output.detach()).sum(dim=(1, 2, 3))  # what a change in proportion brings
    assert float(moved[0]) == pytest.approx(float(moved[1]), rel=0.02)


def test_equal_pictures_have_a_bounded_gradient() -> None:
    output = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    value = log_error(output, torch.full((1, 3, 4, 4), 0.5))
    value.backward()
    assert float(value.detach()) == pytest.approx(torch.tensor(LEAST).log10().item())
    assert output.grad is not None
    assert bool(output.grad.isfinite().all())
    assert log_error(output.bfloat16(), output.detach()).dtype == torch.float32
