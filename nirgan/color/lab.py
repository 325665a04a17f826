"""CIE Lab (D65, 2°) to and from sRGB, and lightness alone."""

from __future__ import annotations

import torch
from torch import Tensor

# Y of linear sRGB, row 2 of the sRGB matrix (IEC 61966-2-1), as kornia uses it.
_LUMINANCE = (0.2126729, 0.7151522, 0.0721750)


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB (B,3,H,W) in [0, 1] to Lab: L 0…100, a and b about −110…110."""
    import kornia.color  # here: it takes a second, and what reads pictures needs lightness alone

    return kornia.color.rgb_to_lab(rgb)


def lab_to_rgb(lab: Tensor, *, clip: bool = True) -> Tensor:
    """Convert Lab (B,3,H,W) to sRGB, clipped to [0, 1] unless told otherwise."""
    import kornia.color

    return kornia.color.lab_to_rgb(lab, clip=clip)


def lightness(rgb: Tensor) -> Tensor:
    """L*/100 of sRGB (…,3,H,W) in [0, 1] as (…,1,H,W): the source of the task gray2rgb."""
    weights = torch.tensor(_LUMINANCE, dtype=rgb.dtype, device=rgb.device).view(3, 1, 1)
    return _lightness_of((_linear(rgb) * weights).sum(dim=-3, keepdim=True))


def gray_to_lightness(gray: Tensor) -> Tensor:
    """L*/100 of a grey sRGB level in [0, 1], elementwise."""
    return _lightness_of(_linear(gray))


def lightness_to_gray(value: Tensor) -> Tensor:
    """Grey sRGB level in [0, 1] of L*/100, elementwise: the inverse of ``gray_to_lightness``."""
    f = (value * 100 + 16) / 116
    luminance = torch.where(f > 6 / 29, f**3, (f - 16 / 116) / 7.787)
    return torch.where(
        luminance > 0.0031308, 1.055 * luminance.clamp(min=1e-12) ** (1 / 2.4) - 0.055, 12.92 * luminance
    )


def _linear(rgb: Tensor) -> Tensor:
    return torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055).clamp(min=0) ** 2.4, rgb / 12.92)


def _lightness_of(luminance: Tensor) -> Tensor:
    f = torch.where(luminance > 0.008856, luminance.clamp(min=1e-12) ** (1 / 3), 7.787 * luminance + 16 / 116)
    return (116 * f - 16) / 100
