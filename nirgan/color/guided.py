"""Colour from a small picture onto a large one, along the large one's edges."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

RADIUS = 4
"""Of the neighbourhood in which colour is a linear function of lightness, in pixels of the small picture."""
_FLAT = 2e-2
"""Variance of lightness (in [0, 1]) at which half of the slope of colour over lightness is believed."""


def upsample_guided(colours: Tensor, guide: Tensor) -> Tensor:
    """Enlarge colours to the guide's size, so that their edges fall on the guide's.

    As in the fast guided filter (K. He, J. Sun: Fast Guided Filter, arXiv 1505.00996) colour around each pixel of the
    small picture is taken for a linear function of the guide. Of that function only the slope is used: times the
    detail that the guide loses when made small, it is added to the colours, enlarged bilinearly. The filter itself
    would put the function's mean over the neighbourhood in place of the colours, and smooth them wherever the guide is
    flat, to a third of the chroma in a spot of 7 pixels.

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
    mean = _mean(small)
    variance = (_mean(small.square()) - mean.square()).clamp(min=0)
    slope = (_mean(small * colours) - mean * _mean(colours)) / (variance + _FLAT)
    size = guide.shape[-2:]
    return _enlarged(colours, size) + _enlarged(slope, size) * (guide - _enlarged(small, size))


def _mean(picture: Tensor) -> Tensor:
    side = 2 * RADIUS + 1
    return F.avg_pool2d(picture, side, stride=1, padding=RADIUS, count_include_pad=False)


def _enlarged(picture: Tensor, size: tuple[int, ...]) -> Tensor:
    return F.interpolate(picture, size=size, mode="bilinear", align_corners=False)
