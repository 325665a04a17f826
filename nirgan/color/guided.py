"""Colour from a small picture onto a large one, along the large one's edges."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

RADIUS = 4
"""Of the neighbourhood in which colour is a linear function of lightness, in pixels of the small picture."""
_FLAT = 1e-3
"""Variance of lightness (in [0, 1]) below which a neighbourhood counts as flat, and takes its mean colour."""


def upsample_guided(colours: Tensor, guide: Tensor) -> Tensor:
    """Enlarge colours to the guide's size, so that their edges fall on the guide's.

    The fast guided filter (K. He, J. Sun: Fast Guided Filter, arXiv 1505.00996): around each pixel of the small
    picture colour is a·guide + b; a and b are enlarged bilinearly and applied to the large guide.

    Args:
        colours: (B,K,h,w), such as a and b.
        guide: Lightness (B,1,H,W) in [0, 1], at least as large.

    Returns:
        (B,K,H,W) float32; the colours themselves where the sizes are equal.
    """
    colours, guide = colours.float(), guide.float()
    if colours.shape[-2:] == guide.shape[-2:]:
        return colours
    small = F.interpolate(guide, size=colours.shape[-2:], mode="bilinear", align_corners=False, antialias=True)
    guide_mean, colour_mean = _mean(small), _mean(colours)
    variance = (_mean(small.square()) - guide_mean.square()).clamp(min=0)
    covariance = _mean(small * colours) - guide_mean * colour_mean
    gain = covariance / (variance + _FLAT)
    offset = colour_mean - gain * guide_mean
    size = guide.shape[-2:]
    return _enlarged(_mean(gain), size) * guide + _enlarged(_mean(offset), size)


def _mean(picture: Tensor) -> Tensor:
    side = 2 * RADIUS + 1
    return F.avg_pool2d(picture, side, stride=1, padding=RADIUS, count_include_pad=False)


def _enlarged(picture: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(picture, size=size, mode="bilinear", align_corners=False)
