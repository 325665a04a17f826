"""Angular error: the near-infrared field's colour score (VCIP 2020 challenge)."""

from __future__ import annotations

import torch
from torch import Tensor

_DARK = 1e-4  # below 1/255: of 8-bit pixels only black ones have no direction


def angular_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean angle in degrees between the RGB vectors of output and truth, 0 to 90; blind to brightness.

    A pixel that is black in either picture has no direction: it counts 0, and ``dark_share`` says how many there are.
    Deviation from the challenge's formula: no ε in the denominator, which gives two equal pixels of level 1/255 an
    error of 11.8°. Own code because torchmetrics' spectral angle is NaN when any pixel is black.

    Args:
        output: (N, 3, H, W) in [0, 1].
        target: The truth, alike.

    Returns:
        (N,) float64.
    """
    x, y = output.double(), target.double()
    # atan2 is exact near 0°, where arccos needs clipping and loses half of the digits.
    angle = torch.atan2(_length(torch.linalg.cross(x, y, dim=1)), (x * y).sum(dim=1))
    return torch.rad2deg(angle.masked_fill(_dark(x, y), 0.0).mean(dim=(1, 2)))


def dark_share(output: Tensor, target: Tensor) -> Tensor:
    """Share of pixels, 0 to 1, that are black in either picture (N,3,H,W) and so count 0 in ``angular_error``. (N,)."""
    return _dark(output.double(), target.double()).double().mean(dim=(1, 2))


def _dark(x: Tensor, y: Tensor) -> Tensor:
    return (_length(x) <= _DARK) | (_length(y) <= _DARK)


def _length(vectors: Tensor) -> Tensor:
    return vectors.square().sum(dim=1).sqrt()
