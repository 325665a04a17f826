"""Mean absolute error of luminance alone."""

from __future__ import annotations

from torch import Tensor

from nirgan.registry import LOSSES

LUMA = (0.299, 0.587, 0.114)
"""BT.601's weights of red, green and blue, on sRGB values as they are."""


@LOSSES.register("luminance-l1")
def luminance_l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean of |Y(output) − Y(target)| over RGB pictures (B,3,H,W); a float32 scalar in the pictures' own unit."""
    off = output.float() - target.float()
    return (off * off.new_tensor(LUMA).view(3, 1, 1)).sum(dim=1).abs().mean()
