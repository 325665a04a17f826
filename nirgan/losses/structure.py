"""Do two pictures of different kinds have their edges in the same places?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.layers.edge_map import edge_map
from nirgan.registry import LOSSES

SCALES = 3
"""Edges are compared at the pictures' size, a half and a quarter: coarse ones still meet when they are off by more."""
_TINY = 1e-6


@LOSSES.register("structure")
def structure(picture: Tensor, other: Tensor) -> Tensor:
    """One minus the correlation of edges, each measured against its neighbourhood, averaged over pictures and scales.

    Args:
        picture: (B,C,H,W) in [0,1], of any number of channels; sides of 32 pixels or more.
        other: (B,K,H,W) in [0,1].

    Returns:
        float32 scalar: about 0 where all edges agree up to contrast and sign, 1 where they have nothing in common.
    """
    picture, other = picture.float().mean(dim=1, keepdim=True), other.float().mean(dim=1, keepdim=True)
    found = []
    for scale in range(SCALES):
        if scale:
            picture, other = F.avg_pool2d(picture, 2), F.avg_pool2d(other, 2)
        first, second = edge_map(picture).flatten(1), edge_map(other).flatten(1)
        energy = first.square().mean(dim=1) * second.square().mean(dim=1)
        found.append((first * second).mean(dim=1) / (energy + _TINY).sqrt())
    return 1 - torch.stack(found).mean()
