"""Mean absolute error that does not ask for the exposure, which no near-infrared picture holds."""

from __future__ import annotations

import torch
from torch import Tensor

from nirgan.registry import LOSSES

MOST = 4.0
"""Gains lie between one over this and this: a black output would take any."""


@LOSSES.register("gain-l1")
def gain_l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean of |g · output − target|, with the gain g of each picture that brings the two nearest in squares.

    It is what ``metrics.psnr_gain`` forgives. Other errors are taught as ever: g is a constant for the gradient.

    Args:
        output: RGB (B,3,H,W) in about [0, 1]: zero is black.
        target: Of the same shape.

    Returns:
        float32 scalar.
    """
    output, target = output.float(), target.float()
    with torch.no_grad():
        energy = output.square().sum(dim=(1, 2, 3), keepdim=True)
        gain = (output * target).sum(dim=(1, 2, 3), keepdim=True) / energy.clamp(min=1e-6)
    return (gain.clamp(1 / MOST, MOST) * output - target).abs().mean()
