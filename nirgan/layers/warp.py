"""Pictures moved by a displacement field."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def warp(picture: Tensor, field: Tensor) -> Tensor:
    """Take each pixel (x, y) from ``picture`` at (x + field_x, y + field_y), bilinearly; beyond the border, from it.

    Where the sides are powers of two, a field of zeros gives back the very picture; elsewhere float32 places a pixel to
    some 1e-5 of its width, because ``grid_sample`` counts from -1 to 1.

    Args:
        picture: (B,C,H,W).
        field: (B,2,H,W), x before y, in pixels.

    Returns:
        (B,C,H,W), float32 whatever the surroundings run in: half precision cannot say where a pixel is.
    """
    height, width = picture.shape[-2:]
    x = torch.arange(width, dtype=torch.float32, device=picture.device)
    y = torch.arange(height, dtype=torch.float32, device=picture.device)
    field = field.float()
    # align_corners=False: -1 and 1 are the outer edges of the border pixels, and pixel x has its centre at x + 1/2.
    columns = (2 * (x + field[:, 0]) + 1) / width - 1
    rows = (2 * (y[:, None] + field[:, 1]) + 1) / height - 1
    grid = torch.stack([columns, rows], dim=-1)
    return F.grid_sample(picture.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
