"""Make any picture fit a network's stride: reflect beyond the border, whatever the size."""

from __future__ import annotations

import torch
from torch import Tensor


def reflect_to(picture: Tensor, height: int, width: int) -> Tensor:
    """Extend a picture (…,H,W) to (…,height,width) at the bottom and right by reflection without repeating the edge.

    ``torch.nn.functional.pad`` refuses a margin that is not smaller than the picture; here the picture is reflected
    back and forth as often as needed, so that 1×1 and 1×N work, too.
    """
    rows = _bounce(picture.shape[-2], height, picture.device)
    columns = _bounce(picture.shape[-1], width, picture.device)
    return picture.index_select(-2, rows).index_select(-1, columns)


def _bounce(size: int, wanted: int, device: torch.device) -> Tensor:
    # A triangle wave: 0 1 2 3 2 1 0 1 … for size 4.
    period = max(2 * (size - 1), 1)
    steps = torch.arange(wanted, device=device) % period
    return torch.where(steps < size, steps, period - steps)
