"""Distance of predicted histograms from true ones."""

from __future__ import annotations

import torch
from torch import Tensor

from nirgan.registry import LOSSES


@LOSSES.register("histogram-kl", paper="arXiv 1603.06668")
def histogram_kl(logits: Tensor, target: Tensor, *, weights: Tensor | None = None) -> Tensor:
    """Mean over points of the Kullback-Leibler divergence KL(target ‖ softmax(logits)), each point weighed.

    Args:
        logits: (B,K,h,w).
        target: Histograms (B,K,h,w), which sum to one at each point; empty bins count nothing.
        weights: Of each point (B,h,w); None is one everywhere.

    Returns:
        float32 scalar in nats, 0 where the prediction is the target: the sum over points by their number, not by their
        weights.
    """
    target = target.float()
    divergence = (torch.xlogy(target, target) - target * logits.float().log_softmax(dim=1)).sum(dim=1)
    return (divergence if weights is None else divergence * weights).mean()
