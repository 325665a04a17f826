"""Mean absolute error for pairs that may be off by a pixel, differently from place to place."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.registry import LOSSES

REACH, WINDOW = 1, 8


@LOSSES.register("shift-tolerant-l1")
def shift_tolerant_l1(output: Tensor, target: Tensor, *, reach: int = REACH, window: int = WINDOW) -> Tensor:
    """Mean over windows of the least mean absolute error among shifts of the output by up to ``reach`` pixels.

    The windows share out the target, without the border that shifts bring nothing to. A blur would forgive shifts,
    too, but teach nothing about what it blurs.

    Args:
        output: (B,C,H,W).
        target: Of the same shape and range.
        reach: Pixels, to each side.
        window: Side of the windows in pixels; the last ones may be smaller.

    Returns:
        float32 scalar in the pictures' own unit; 0 where each window has some shift at which all agrees.
    """
    output, target = output.float(), target.float()
    height, width = (side - 2 * reach for side in target.shape[-2:])
    inside = target[..., reach : reach + height, reach : reach + width]
    shifts = range(2 * reach + 1)
    errors = [
        (output[..., y : y + height, x : x + width] - inside).abs().mean(dim=1, keepdim=True)
        for y in shifts
        for x in shifts
    ]
    return torch.stack([F.avg_pool2d(error, window, ceil_mode=True) for error in errors]).amin(dim=0).mean()
