"""A head for any generator: features in, what there is to say about the colour of each cell of the picture out."""

from __future__ import annotations

from typing import Literal

from torch import nn

from nirgan.color.ab_bins import BINS

HeadKind = Literal["ab-bins", "ab"]
"""Logits of the 313 bins, or a and b divided by 110."""


class AbHead(nn.Sequential):
    """Means over the pixels of each cell, then a 1×1 convolution.

    313 numbers for each pixel of a picture are more than memory holds, and colour needs no such resolution: features at
    a picture's own resolution are averaged first.

    Args:
        features: Channels of the generator's output.
        kind: What is said of a cell.
        pool: Side of a cell in pixels of the generator's output; 1 where these are the cells.

    Shape: (B, features, H, W) to (B, 313 or 2, H/pool, W/pool).
    """

    def __init__(self, features: int, kind: HeadKind, *, pool: int = 1) -> None:
        pooled = [nn.AvgPool2d(pool)] if pool > 1 else []
        super().__init__(*pooled, nn.Conv2d(features, BINS if kind == "ab-bins" else 2, 1))
