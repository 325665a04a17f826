"""CIEDE2000 colour difference (Sharma, Wu and Dalal 2005); no torch library has it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nirgan.color import rgb_to_lab

_BAND = 2**16  # pixels at once: some thirty maps are alive, which a large photograph would multiply to gigabytes


def delta_e_2000(output: Tensor, target: Tensor) -> Tensor:
    """Mean CIEDE2000 difference of each picture, with kL = kC = kH = 1.

    Args:
        output: (N, 3, H, W) sRGB in [0, 1].
        target: The truth, alike.

    Returns:
        (N,) float64, 0 to about 100; 1 is just visible, above 10 clearly another colour.
    """
    rows = max(1, _BAND // output.shape[-1])
    bands = zip(output.double().split(rows, dim=2), target.double().split(rows, dim=2), strict=True)
    totals = torch.stack([ciede2000(rgb_to_lab(x), rgb_to_lab(y)).sum(dim=(1, 2)) for x, y in bands])
    return totals.sum(dim=0) / (output.shape[-2] * output.shape[-1])


def ciede2000(first: Tensor, second: Tensor) -> Tensor:
    """CIEDE2000 difference of Lab values (N, 3, …) at each point: (N, …) float64."""
    (l1, a1, b1), (l2, a2, b2) = first.double().unbind(1), second.double().unbind(1)
    stretch = 1.5 - 0.5 * _chroma_weight((torch.hypot(a1, b1) + torch.hypot(a2, b2)) / 2)
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = torch.hypot(a1, b1), torch.hypot(a2, b2)
    turn, hue = _hue_turn_and_mean(torch.atan2(b1, a1), torch.atan2(b2, a2), grey=c1 * c2 == 0)
    lightness, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    off_middle = (lightness - 50).square()
    u = (l2 - l1) / (1 + 0.015 * off_middle / torch.sqrt(20 + off_middle))
    v = (c2 - c1) / (1 + 0.045 * chroma)
    w = 2 * torch.sqrt(c1 * c2) * torch.sin(turn / 2) / (1 + 0.015 * chroma * _hue_weight(hue))
    return torch.sqrt(u * u + v * v + w * w + _rotation(hue, chroma) * v * w)


def _hue_turn_and_mean(h1: Tensor, h2: Tensor, grey: Tensor) -> tuple[Tensor, Tensor]:
    """Turn from hue h1 to h2 in (−π, π], and the mean hue in [0, 2π): equations 10 and 14; a grey has no hue."""
    h1, h2 = h1 % math.tau, h2 % math.tau
    apart, total = h2 - h1, h1 + h2
    far = apart.abs() > math.pi
    turn = torch.where(far, apart - torch.sign(apart) * math.tau, apart)
    opposite = torch.where(total < math.tau, total / 2 + math.pi, total / 2 - math.pi)
    mean = torch.where(far, opposite, total / 2)
    return turn.masked_fill(grey, 0.0), torch.where(grey, total, mean)


def _hue_weight(hue: Tensor) -> Tensor:
    """T of equation 15."""
    return (
        1
        - 0.17 * torch.cos(hue - _rad(30))
        + 0.24 * torch.cos(2 * hue)
        + 0.32 * torch.cos(3 * hue + _rad(6))
        - 0.20 * torch.cos(4 * hue - _rad(63))
    )


def _rotation(hue: Tensor, chroma: Tensor) -> Tensor:
    """R_T of equation 22: chroma and hue pull together in the blues."""
    angle = _rad(60) * torch.exp(-((hue - _rad(275)) / _rad(25)).square())
    return -2 * torch.sin(angle) * _chroma_weight(chroma)


def _chroma_weight(chroma: Tensor) -> Tensor:
    seventh = chroma**7
    return torch.sqrt(seventh / (seventh + 25.0**7))


def _rad(degrees: float) -> float:
    return degrees * math.pi / 180
