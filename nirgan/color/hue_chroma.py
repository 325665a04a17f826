"""Hue and chroma of sRGB, and back to sRGB with a given mean of the three channels."""

from __future__ import annotations

import torch
from torch import Tensor


def hue_chroma(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """Hue of HSV as a share of the circle, in [0, 1), and chroma C = max - min, in [0, 1].

    Args:
        rgb: (B,3,…) in [0, 1].

    Returns:
        Hue and chroma (B,…); the hue of greys is 0, which means nothing. Rounding may take the hue of a red to 1.
    """
    red, green, blue = rgb.unbind(dim=1)
    most = rgb.amax(dim=1)
    chroma = most - rgb.amin(dim=1)
    scale = torch.where(chroma > 0, chroma, 1)
    sixths = torch.where(
        most == red,
        (green - blue) / scale,
        torch.where(most == green, 2 + (blue - red) / scale, 4 + (red - green) / scale),
    )
    return (sixths / 6) % 1, chroma


def hue_chroma_to_rgb(hue: Tensor, chroma: Tensor, mean: Tensor) -> Tensor:
    """SRGB of this hue and chroma whose channels have this mean: what ``hue_chroma`` and the mean were taken from.

    Larsson et al. go through HSV, with V = mean + C/2 and S = C/V, and then shift each pixel to its mean. In a bicone
    V - C/2 is the lightness (max + min)/2, which they replace by the mean; the shift makes up for it, so that without
    clipping what counts are the differences between the channels, C · h(hue), with h the pure hue from 0 to 1.

    Args:
        hue: (B,…), as a share of the circle.
        chroma: The same.
        mean: The same.

    Returns:
        (B,3,…), not clipped. Theirs is clipped before the shift as well.
    """
    sixths = 6 * hue
    pure = torch.stack([(sixths - 3).abs() - 1, 2 - (sixths - 2).abs(), 2 - (sixths - 4).abs()], dim=1).clamp(0, 1)
    return mean[:, None] + chroma[:, None] * (pure - pure.mean(dim=1, keepdim=True))
