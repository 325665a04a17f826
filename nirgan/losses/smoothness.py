"""Smoothness of displacement fields."""

from __future__ import annotations

from torch import Tensor

from nirgan.registry import LOSSES


@LOSSES.register("smoothness", paper="arXiv 2110.06465")
def smoothness(field: Tensor) -> Tensor:
    """Mean squared gradient of a field (B,2,H,W) in pixels: means of squared steps to the right and down, summed.

    Returns:
        float32 scalar, in squared pixels of displacement per pixel; 0 for a shift of everything alike.
    """
    field = field.float()
    right, down = field.diff(dim=-1), field.diff(dim=-2)
    return right.square().mean() + down.square().mean()
