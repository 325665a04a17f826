"""Mean absolute error of small copies: the colour of things, whatever their texture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.losses.l1 import l1
from nirgan.registry import LOSSES

FACTORS = (4, 16)


@LOSSES.register("coarse-l1")
def coarse_l1(output: Tensor, target: Tensor, *, factors: Sequence[int] = FACTORS) -> Tensor:
    """Mean over ``factors`` of the L1 between means of squares with so many pixels a side.

    Args:
        output: (B,C,H,W), sides at least the largest factor.
        target: Of the same shape and range.
        factors: By how much the copies are smaller.

    Returns:
        float32 scalar in the pictures' own unit.
    """
    output, target = output.float(), target.float()
    return torch.stack([l1(F.avg_pool2d(output, each), F.avg_pool2d(target, each)) for each in factors]).mean()
