"""CIE Lab (D65, 2°) to and from sRGB, and lightness alone."""

from __future__ import annotations

import torch
from torch import Tensor

# Y of linear sRGB, row 2 of the sRGB matrix (IEC 61966-2-1), as kornia uses it.
_LUMINANCE = (0.2126729, 0.7151522, 0.0721750)
# XYZ of white, D65, as kornia uses it.
_WHITE = (0.95047, 1.0, 1.08883)

AB_SCALE = 110
"""Value of a and b that networks take for 1."""


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB (B,3,H,W) in [0, 1] to Lab: L 0…100, a and b about −110…110."""
    import kornia.color  # here: it takes a second, and what reads pictures needs lightness alone

    with _full_precision(rgb):
        return kornia.color.rgb_to_lab(rgb)


def lab_to_rgb(lab: Tensor, *, clip: bool = True) -> Tensor:
    """Convert Lab (B,3,H,W) to sRGB, clipped to [0, 1] unless told otherwise."""
    import kornia.color

    with _full_precision(lab):
        return kornia.color.lab_to_rgb(lab, clip=clip)


def lab_to_unlimited_rgb(lab: Tensor) -> Tensor:
    """Convert Lab (B,3,H,W) to sRGB that runs on below 0 and above 1 for colours that no screen shows.

    For what is learnt from: everywhere a, b and L have a gradient, so that such colours find their way back. Clipping
    leaves none; ``lab_to_rgb(clip=False)`` has none for b where Z would be negative (dark, strong yellows), and goes on
    below 0 as steeply as sRGB rises from black, to less than -20. Here its curve is mirrored at 0, as in extended sRGB:
    what a and b within 110 can ask for lies between about -1.4 and 1.9.
    """
    import kornia.color

    level = (lab[:, :1] + 16) / 116
    f = torch.cat([level + lab[:, 1:2] / 500, level, level - lab[:, 2:] / 200], dim=1)
    xyz = torch.where(f > 6 / 29, f**3, (f - 16 / 116) / 7.787)
    xyz = xyz * torch.tensor(_WHITE, dtype=lab.dtype, device=lab.device).view(3, 1, 1)
    with _full_precision(lab):
        linear = kornia.color.xyz_to_rgb(xyz)
    curve = kornia.color.linear_rgb_to_rgb
    return torch.where(linear < 0, -curve(-linear), curve(linear))  # not abs(): that has no gradient at 0


def recoloured(rgb: Tensor, ab: Tensor) -> Tensor:
    """SRGB with the lightness of a picture (B,3,H,W) in [0, 1] and other a and b (B,2,H,W), for what is learnt from.

    It runs on below 0 and above 1, as ``lab_to_unlimited_rgb``; for results there is ``nirgan.color.gamut``.
    """
    return lab_to_unlimited_rgb(torch.cat([100 * lightness(rgb.float()), ab.float()], dim=1))


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


def _full_precision(picture: Tensor) -> torch.autocast:
    # The matrix products in between, in half precision, would put a and b off by a unit.
    return torch.autocast(picture.device.type, enabled=False)


def _linear(rgb: Tensor) -> Tensor:
    return torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055).clamp(min=0) ** 2.4, rgb / 12.92)


def _lightness_of(luminance: Tensor) -> Tensor:
    f = torch.where(luminance > 0.008856, luminance.clamp(min=1e-12) ** (1 / 3), 7.787 * luminance + 16 / 116)
    return (116 * f - 16) / 100
