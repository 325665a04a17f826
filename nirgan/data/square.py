"""The middle of a picture, for what takes all pictures at one size."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nirgan.data.sample import Sample


def central_square(picture: Tensor) -> Tensor:
    """The square in the middle of a picture (…,H,W)."""
    side = min(picture.shape[-2:])
    top, left = ((length - side) // 2 for length in picture.shape[-2:])
    return picture[..., top : top + side, left : left + side]


def central_source(sample: Sample, side: int) -> Tensor:
    """The square in the middle of a sample's source, resized: (C,side,side)."""
    square = central_square(sample.source)[None]
    return F.interpolate(square, size=(side, side), mode="bilinear", align_corners=False, antialias=True)[0]
