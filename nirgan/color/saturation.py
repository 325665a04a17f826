"""Stronger or weaker colours for a finished picture: what was guessed carefully may be shown boldly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nirgan.color.gamut import keep_lightness
from nirgan.color.lab import lab_to_rgb, lightness_to_gray, rgb_to_lab
from nirgan.errors import NirganError

_LARGEST = 10.0
_STRIP = 2**20
"""Pixels at once: conversions hold about 200 bytes for each."""


def check_saturation(factor: float) -> float:
    """The factor, if it is one.

    Raises:
        NirganError: if it is not a number from 0 to 10.
    """
    number = isinstance(factor, int | float) and not isinstance(factor, bool)
    if not number or not (math.isfinite(factor) and 0 <= factor <= _LARGEST):
        raise NirganError(
            f"saturation is {factor!r}, but must be from 0 (grey) to {_LARGEST:g}; 1 leaves colours as they are"
        )
    return factor


@torch.no_grad()
def saturate(rgb: Tensor, factor: float) -> Tensor:
    """The picture with a and b multiplied at each pixel, at its lightness and hue; greys stay as they are.

    Where sRGB has no such colour, a stronger one is the one with the most chroma on the way there; a weaker one, which
    near yellow lies just outside, is clipped, and its L* off by 0.3 at most.

    Args:
        rgb: (B,3,H,W) float in [0, 1].
        factor: As ``check_saturation`` lets it pass; 1 returns the picture itself.

    Returns:
        (B,3,H,W) in [0, 1], float32 unless the factor is 1.
    """
    if factor == 1:
        return rgb
    strips = rgb.float().split(max(1, _STRIP // rgb.shape[-1]), dim=-2)
    return torch.cat([_saturated(strip, factor) for strip in strips], dim=-2)


def _saturated(rgb: Tensor, factor: float) -> Tensor:
    lab = rgb_to_lab(rgb)
    level, ab = lab[:, :1] / 100, factor * lab[:, 1:]
    if factor == 0:
        coloured = lightness_to_gray(level).clamp(0, 1).expand_as(rgb)
    elif factor < 1:
        # The way from yellow to grey leaves sRGB by a few levels of 8 bits. To give up chroma until it is back inside
        # would cost half of it.
        coloured = lab_to_rgb(torch.cat([100 * level, ab], dim=1))
    else:
        coloured = keep_lightness(level, ab, shown=1 / factor)
    gray = rgb.amin(dim=1, keepdim=True) == rgb.amax(dim=1, keepdim=True)
    return torch.where(gray, rgb, coloured)  # conversions would tint it by a part of a level
