"""A norm that looks at one pixel at a time, so that tiles and whole pictures get the same."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PixelNorm = Literal["layer", "none"]


class ChannelNorm(nn.Module):
    """Layer norm over the channels of each pixel, with a gain and a shift for each channel.

    torch's kernel wants channels last. Features that lie so in memory are not rearranged.

    Shape: (B, channels, H, W) to the same.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, features: Tensor) -> Tensor:
        """Bring each pixel's channels to mean 0 and deviation 1, then scale and shift them."""
        last = features.movedim(1, -1)
        return F.layer_norm(last, self.weight.shape, self.weight, self.bias).movedim(-1, 1)


def make_channel_norm(kind: PixelNorm, channels: int) -> nn.Module:
    """``layer`` norm over channels, or ``none``."""
    return ChannelNorm(channels) if kind == "layer" else nn.Identity()
