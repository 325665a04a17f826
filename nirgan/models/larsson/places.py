"""Points of training crops: where they are drawn, and what lies around them."""

from __future__ import annotations

import torch
from torch import Tensor

from nirgan.generators.hypercolumn import CELL


def random_places(crops: Tensor, count: int, margin: int, generator: torch.Generator) -> Tensor:
    """Rows and columns (B,count,2) int64 of random pixels of crops (B,C,H,W), at least ``margin`` from their borders.

    The same pixel may be drawn twice.
    """
    axes = [
        torch.randint(margin, side - margin, (len(crops), count), generator=generator, device=generator.device)
        for side in crops.shape[-2:]
    ]
    return torch.stack(axes, dim=-1).to(crops.device)


def cell_places(crops: Tensor) -> Tensor:
    """Row and column (B,h·w,2) int64 of a middle pixel of each cell of 4×4 of crops (B,C,H,W), row by row."""
    axes = [torch.arange(CELL // 2, side, CELL, device=crops.device) for side in crops.shape[-2:]]
    return torch.cartesian_prod(*axes).expand(len(crops), -1, -1)


def colours_around(crops: Tensor, places: Tensor, window: int) -> Tensor:
    """The pixels of a square around each place, row by row: (B,C,window²,N); beyond the border the nearest ones.

    Args:
        crops: (B,C,H,W).
        places: Rows and columns (B,N,2).
        window: Side of the square, odd.
    """
    height, width = crops.shape[-2:]
    offsets = torch.arange(window, device=places.device) - window // 2
    rows = (places[..., :1] + offsets).clamp(0, height - 1)  # (B,N,window)
    columns = (places[..., 1:] + offsets).clamp(0, width - 1)
    pixels = (width * rows[..., None] + columns[..., None, :]).flatten(2).transpose(1, 2)  # (B,window²,N)
    index = pixels.flatten(1)[:, None].expand(-1, crops.shape[1], -1)
    return crops.flatten(2).gather(2, index).unflatten(2, (window**2, places.shape[1]))


def from_minus_one_to_one(places: Tensor, crops: Tensor) -> Tensor:
    """The middles of pixels as x and y (B,N,2) float32, as the network wants them."""
    sides = torch.tensor(crops.shape[-2:], device=places.device)
    return ((2 * places + 1) / sides - 1).flip(-1)
