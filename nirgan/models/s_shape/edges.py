"""Edges of the truth: what EdgeNet draws in the mode ``difference``."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from nirgan.color import lightness

EdgesOf = Literal["red", "lightness"]
"""The channel whose edges count: R, as in the authors' notebook, or L*."""


def edges(rgb: Tensor, of: EdgesOf = "red") -> Tensor:
    """Edges of a picture (B,3,H,W) in [0, 1] as (B,1,H,W) in [0, 1]: 8 times a pixel less its neighbours, clipped.

    This is Pillow's ``FIND_EDGES``, but at the border: Pillow leaves the picture's own values there, here the border
    is repeated, so that a flat picture has no edges anywhere.
    """
    channel = rgb[:, :1] if of == "red" else lightness(rgb)
    mean = F.avg_pool2d(F.pad(channel, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return (9 * (channel - mean)).clamp(0, 1)
