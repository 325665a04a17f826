"""Learned perceptual image patch similarity (Zhang et al. 2018), where its weights are on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nirgan.hub import hub_missing, hub_path
from nirgan.metrics.catalogue import Score

BACKBONE = "alexnet-owt-7be5be79.pth"
"""AlexNet as torchvision names it; the name ends in the first digits of the file's SHA-256."""
_SMALLEST_SIDE = 31  # AlexNet's pooling leaves nothing of smaller pictures


def backbone_path() -> Path:
    """Where torchvision looks for AlexNet's weights before it would download them (set by ``TORCH_HOME``)."""
    return hub_path(BACKBONE)


def missing() -> str | None:
    """Why LPIPS cannot be computed here and what to do, or None if it can. Never downloads."""
    return hub_missing(BACKBONE, "AlexNet", "IMAGENET1K_V1")


def load_lpips() -> Score | None:
    """LPIPS v0.1 with AlexNet, the net that scores are published with; None where ``missing`` says why."""
    if missing() is not None:
        return None
    from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

    return score_with(LearnedPerceptualImagePatchSimilarity(net_type="alex", normalize=True).net)


def score_with(net: Any) -> Score:
    """A score from torchmetrics' LPIPS network: (N,3,H,W) in [0, 1] twice to (N,) float64, NaN under 31 pixels."""

    def lpips(output: Tensor, target: Tensor) -> Tensor:
        if min(output.shape[-2:]) < _SMALLEST_SIDE:
            return output.new_full((len(output),), torch.nan, dtype=torch.float64)
        with torch.no_grad():
            distance: Tensor = net(output.float(), target.float(), normalize=True)
        return distance.double().flatten()

    return lpips
