"""Stronger or weaker colours for a finished picture: what was guessed carefully may be shown boldly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nirgan.color.gamut import keep_lightness
from nirgan.color.lab import lab_to_rgb, rgb_to_lab
from nirgan.errors import NirganError

MOST = 10.0
"""Beyond it, hardly a colour would be left that sRGB holds."""


def check_saturation(factor: float) -> float:
    """The factor, if it is one.

    Raises:
        NirganError: if it is not a number from 0 to 10.
    """
    if isinstance(factor, bool) or not (math.isfinite(factor) and 0 <= factor <= MOST):
        raise NirganError(
            f"saturation is {factor}, but must be from 0 (grey) to {MOST:g}; 1 leaves colours as they are"
        )
    return factor


@torch.no_grad()
def saturate(rgb: Tensor, factor: float) -> Tensor:
    """The picture with a and b multiplied at each pixel; lightness and hue stay, and so do greys.

    Where sRGB holds no such colour of that lightness, it is the one of that hue with the most chroma.

    Args:
        rgb: (B,3,H,W) in [0, 1].
        factor: As ``check_saturation`` lets it pass; 1 returns the picture itself.

    Returns:
        (B,3,H,W) float32 in [0, 1].
    """
    if factor == 1:
        return rgb
    lab = rgb_to_lab(rgb.float())
    level, ab = lab[:, :1], factor * lab[:, 1:]
    if factor < 1:  # the way to grey leaves sRGB by three levels of 8 bits at most, near yellow: L* is a quarter off
        return lab_to_rgb(torch.cat([level, ab], dim=1))
    return keep_lightness(level / 100, ab)
