"""Edges that pictures of different kinds have in common."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

WINDOW = 15
"""Side in pixels of the neighbourhood that edges are measured against."""
_FLOOR = 1e-4
"""Variance of edge strengths that counts as noise, of pictures in [0,1]: a hundredth of full scale."""
_TINY = 1e-6


def edge_map(picture: Tensor) -> Tensor:
    """Strength of edges, less the mean of their neighbourhood and over its deviation.

    NIR and colour disagree on levels, on contrast and even on which side of an edge is brighter, but hardly on where
    edges are: strength forgets the sign, and the neighbourhood the contrast.

    Args:
        picture: (B,C,H,W) in [0,1]; its channels are averaged. Sides of 8 pixels or more.

    Returns:
        (B,1,H,W) float32, about zero on average.
    """
    grey = F.pad(picture.float().mean(dim=1, keepdim=True), (0, 1, 0, 1), mode="replicate")
    right = grey[..., :-1, 1:] - grey[..., :-1, :-1]
    down = grey[..., 1:, :-1] - grey[..., :-1, :-1]
    strength = _mean((right.square() + down.square() + _TINY).sqrt(), 3)  # so that edges one pixel apart overlap
    strength = strength - _mean(strength, WINDOW)
    return strength / (_mean(strength.square(), WINDOW) + _FLOOR).sqrt()


def _mean(picture: Tensor, window: int) -> Tensor:
    """Mean of the window around each pixel, as far as it lies in the picture: of columns, then of rows."""
    half = window // 2
    columns = F.avg_pool2d(picture, (window, 1), stride=1, padding=(half, 0), count_include_pad=False)
    return F.avg_pool2d(columns, (1, window), stride=1, padding=(0, half), count_include_pad=False)
