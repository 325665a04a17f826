"""Mean squared error."""

from __future__ import annotations

import pytest
import torch

from nirgan.losses.l2 import l2


def test_l2_by_hand() -> None:
    output = torch.tensor([[0.0, 0.5], [1.0, -1.0]])
    target = torch.tensor([[0.5, 0.5], [1.0, 1.0]])
    assert float(l2(output, target)) == pytest.approx((0.25 + 0 + 0 + 4) / 4)


def test_l2_is_float32_in_low_precision() -> None:
    assert l2(torch.ones(3, dtype=torch.bfloat16), torch.zeros(3)).dtype == torch.float32
