"""The mean over what counts."""

from __future__ import annotations

from torch import Tensor


def masked_mean(loss: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over the points of ``loss`` (B,h,w) at which ``mask`` is true.

    Args:
        loss: One value a point.
        mask: True (B,h,w), or (B,1,1) for whole pictures, for points that count; None lets all count.

    Returns:
        Scalar: the sum over the points that count by their number; 0, with a gradient of 0, where none does.
    """
    if mask is None:
        return loss.mean()
    counted = mask.expand_as(loss).to(loss.dtype)
    return (loss * counted).sum() / counted.sum().clamp(min=1)
