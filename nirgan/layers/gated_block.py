"""A block of gated depthwise convolutions, as restoration networks have them."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from nirgan.layers.channel_norm import PixelNorm, make_channel_norm

Kernel = Literal[3, 5, 7]

START = 0.1
"""Of the block's share in the sum before training: small, so that a deep network begins as a shallow one."""


class Gate(nn.Module):
    """One half of the channels times the other: (B, 2C, H, W) to (B, C, H, W)."""

    def forward(self, features: Tensor) -> Tensor:
        """Multiply the halves."""
        passed, gate = features.chunk(2, dim=1)
        return passed * gate


class GatedBlock(nn.Module):
    """1×1 to twice the channels, a depthwise convolution, the product of both halves, 1×1; added to the input.

    After Chen et al. 2022 (arXiv 2204.04676), without their attention over channels: that takes means over the whole
    picture, which tiles do not see. A product has no bound, so the input is normed first, pixel by pixel.

    Args:
        channels: In and out.
        kernel: Side of the depthwise convolution.
        dilation: Of the same.
        norm: Before all else.

    Shape: (B, channels, H, W) to the same.
    """

    def __init__(self, channels: int, *, kernel: Kernel = 3, dilation: int = 1, norm: PixelNorm = "layer") -> None:
        super().__init__()
        twice = 2 * channels
        self.body = nn.Sequential(
            make_channel_norm(norm, channels),
            nn.Conv2d(channels, twice, 1),
            nn.Conv2d(twice, twice, kernel, padding=dilation * (kernel // 2), dilation=dilation, groups=twice),
            Gate(),
            nn.Conv2d(channels, channels, 1),
        )
        self.scale = nn.Parameter(torch.full((channels, 1, 1), START))

    def forward(self, x: Tensor) -> Tensor:
        """Add what the block changes, each channel by its own share."""
        return x + self.scale * self.body(x)
