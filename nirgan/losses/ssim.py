"""Structural dissimilarity."""

from __future__ import annotations

import pytorch_msssim
import torch
from torch import Tensor

from nirgan.registry import LOSSES


@LOSSES.register("ssim", paper="10.1109/TIP.2003.819861")
def ssim_loss(output: Tensor, target: Tensor, *, data_range: float = 1.0) -> Tensor:
    """1 − SSIM, mean over pixels, channels and pictures: Gaussian 11×11, σ 1.5, windows inside the picture.

    Args:
        output: (B,C,H,W) from 0 to ``data_range``, at least 11 pixels a side. SSIM compares means, so [-1, 1] must be
            brought to [0, 1] first: a negative mean makes no sense there.
        target: Of the same shape and range.
        data_range: Distance between black and white.

    Returns:
        float32 scalar, 0 for equal pictures, 2 at most.
    """
    # In half precision the window's variances cancel; float32 whatever the surroundings run in.
    with torch.autocast(output.device.type, enabled=False):
        return 1 - pytorch_msssim.ssim(output.float(), target.float(), data_range=data_range)
