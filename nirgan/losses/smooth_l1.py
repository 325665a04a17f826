"""Mean absolute error with a round bottom."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nirgan.losses.masked_mean import masked_mean
from nirgan.registry import LOSSES


@LOSSES.register("smooth-l1", paper="arXiv 1705.02999")
def smooth_l1(output: Tensor, target: Tensor, *, beta: float, mask: Tensor | None = None) -> Tensor:
    """Mean over points of Σ_channels (|d| − β/2, or d²/2β where |d| < β), with d = output − target.

    Args:
        output: (B,C,h,w).
        target: Of the same shape.
        beta: Differences below this are squared, in the pictures' own unit; 0 squares none: the sum of |d|.
        mask: True (B,h,w), or (B,1,1) for whole pictures, for points that count; None lets all count.

    Returns:
        float32 scalar; 0, with a gradient of 0, where no point counts.
    """
    loss = F.smooth_l1_loss(output.float(), target.float(), beta=beta, reduction="none").sum(dim=1)
    return masked_mean(loss, mask)
