"""Colours of a given lightness that a screen can show: what lies outside is brought in by reducing chroma."""

from __future__ import annotations

import torch
from torch import Tensor

from nirgan.color.lab import lab_to_rgb, lightness_to_gray

_HALVINGS = 12
"""Of the interval in which the largest chroma is searched: to a 4,096th of what was asked for."""
_TOLERANCE = 1e-4
"""How far outside [0, 1] still counts as inside: float32's rounding, a fortieth of an 8-bit level."""


def keep_lightness(lightness: Tensor, ab: Tensor, *, shown: float = 0.0) -> Tensor:
    """SRGB of this lightness and these colours, or of the same hue with the most chroma that sRGB has there.

    Clipping channels one by one would change lightness and hue. Here L* of the result is that of ``lightness``; rounded
    to 8 bits it is off by less than 0.5. For results, not for losses: gradients of colours outside are not those of
    what was asked for.

    Args:
        lightness: L*/100 (B,1,H,W) in [0, 1].
        ab: Lab's a and b (B,2,H,W).
        shown: Share of their chroma that is known to be in sRGB at every pixel: what is reduced is not reduced further.
            Near yellow the way from grey leaves sRGB and comes back.

    Returns:
        (B,3,H,W) float32 in [0, 1]; NaN where a or b is NaN or infinite.
    """
    lab = torch.cat([100 * lightness.float(), ab.float()], dim=1)
    rgb = lab_to_rgb(lab, clip=False)
    outside = ~_shown(rgb)[:, 0]
    if bool(outside.any()):
        # Only those pixels, as one column: (1,3,N,1).
        inside = _reduced(lab.movedim(1, -1)[outside].T[None, :, :, None], shown)
        rgb.movedim(1, -1)[outside] = inside[0, :, :, 0].T
    return rgb.clamp(0, 1)


def _reduced(lab: Tensor, shown: float) -> Tensor:
    level, ab = lab[:, :1], lab[:, 1:]
    least, most = torch.full_like(level, shown), torch.ones_like(level)
    for _ in range(_HALVINGS):
        share = (least + most) / 2
        fits = _shown(lab_to_rgb(torch.cat([level, share * ab], dim=1), clip=False))
        least, most = torch.where(fits, share, least), torch.where(fits, most, share)
    coloured = lab_to_rgb(torch.cat([level, least * ab], dim=1), clip=False)
    # White and black have no chroma at all; what is no number stays none, so that it is noticed.
    gray = (least == 0) & ab.isfinite().all(dim=1, keepdim=True)
    return torch.where(gray, lightness_to_gray(level / 100).expand_as(coloured), coloured)


def _shown(rgb: Tensor) -> Tensor:
    """Whether each pixel (B,1,H,W) can be shown; a NaN cannot."""
    return ((rgb >= -_TOLERANCE) & (rgb <= 1 + _TOLERANCE)).all(dim=1, keepdim=True)
