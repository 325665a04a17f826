"""Colourfulness (Hasler and Süsstrunk 2003)."""

from __future__ import annotations

import torch
from torch import Tensor


def colourfulness(picture: Tensor) -> Tensor:
    """M of each picture: √(σ_rg² + σ_yb²) + 0.3 √(μ_rg² + μ_yb²), with rg = R − G and yb = (R + G)/2 − B on 0…255.

    The opponents keep their sign, as in the paper; several colorization code bases take absolute values first, which
    gives another number (23.5 for 29.4 on the VCIP truth).

    Args:
        picture: (N, 3, H, W) sRGB in [0, 1].

    Returns:
        (N,) float64, 0 to 293. More is not better: the truth's own value is the goal.
    """
    red, green, blue = (picture.double() * 255).unbind(dim=1)
    opponents = torch.stack([red - green, (red + green) / 2 - blue]).flatten(2)  # (2, N, H·W)
    spread = opponents.var(dim=2, correction=0).sum(dim=0).sqrt()
    return spread + 0.3 * opponents.mean(dim=2).square().sum(dim=0).sqrt()


def colourfulness_gap(output: Tensor, target: Tensor) -> Tensor:
    """ΔM: how much more colourful each output is than its truth, signed; 0 is best. (N,3,H,W) twice to (N,) float64."""
    return colourfulness(output) - colourfulness(target)
