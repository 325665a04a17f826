"""Colours as two histograms for each point: of hue and chroma, or of Lab's a and b."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from nirgan.color.hue_chroma import hue_chroma, hue_chroma_to_rgb
from nirgan.color.lab import rgb_to_lab

BINS = 32
"""Of each histogram."""
ETA = 0.03
"""Length of a hue's mean vector below which chroma fades."""
SIGMA = 25.0
"""Of the Gaussian whose quantiles part a and b into bins, in Lab's units."""
_TINY = 1e-12

Variant = Literal["hue-chroma", "lab"]


@dataclass(frozen=True)
class Histograms:
    """A way to tell colours by two histograms.

    Attributes:
        names: Of the two.
        bins: From sRGB (B,3,M,N) in [0, 1] to the numbers (B,M,N) of the bins that it falls into, in each of the two.
        ab: From the two histograms (B,32,h,w) and grey levels (B,h,w) in [0, 1] to Lab's a and b (B,2,h,w), float32;
            differentiable.
    """

    names: tuple[str, str]
    bins: Callable[[Tensor], tuple[Tensor, Tensor]]
    ab: Callable[[Tensor, Tensor, Tensor], Tensor]


def shares(bins: Tensor) -> Tensor:
    """Histograms (B,32,N) of the M colours at each point, whose bins are (B,M,N); each sums to one."""
    empty = torch.zeros(bins.shape[0], BINS, bins.shape[2], device=bins.device)
    return empty.scatter_add_(1, bins, torch.full_like(bins, 1 / bins.shape[1], dtype=torch.float32))


def circular_mean(histogram: Tensor) -> tuple[Tensor, Tensor]:
    """Where on the circle a histogram (B,K,…) points to, as a share of it in [0, 1), and how decidedly, both (B,…).

    That is angle and length of z = 1/K Σ_k f_k exp(i θ_k), with θ_k = 2π (k + ½)/K. The length is 0 where all bins are
    alike and 1/K, which is 0.031 for 32 bins, where one has all.
    """
    count = histogram.shape[1]
    angles = 2 * math.pi * (torch.arange(count, device=histogram.device) + 0.5) / count
    angles = angles.view(-1, *[1] * (histogram.ndim - 2))
    across, up = (histogram * angles.cos()).mean(dim=1), (histogram * angles.sin()).mean(dim=1)
    length = (across.square() + up.square()).clamp(min=_TINY**2).sqrt()  # the root of 0 has no gradient
    return (torch.atan2(up, across) / (2 * math.pi)) % 1, length


def median(histogram: Tensor) -> Tensor:
    """Where half of a histogram (B,K,…) over [0, 1] lies below: (B,…).

    Inside a bin it goes on linearly, so that it changes smoothly and has a gradient; all in one bin, it is the bin's
    middle. (The paper says «median» and no more.)
    """
    count = histogram.shape[1]
    up_to = histogram.cumsum(dim=1)
    number = (up_to < 0.5).sum(dim=1, keepdim=True).clamp(max=count - 1)
    share = histogram.gather(1, number)
    missing = 0.5 - (up_to.gather(1, number) - share)
    return ((number + (missing / share.clamp(min=_TINY)).clamp(0, 1)) / count).squeeze(1)


def _hue_chroma_bins(rgb: Tensor) -> tuple[Tensor, Tensor]:
    hue, chroma = hue_chroma(rgb)
    return _uniform_bin(chroma), _uniform_bin(hue)


def _uniform_bin(value: Tensor) -> Tensor:
    return (BINS * value).long().clamp(0, BINS - 1)


def _hue_chroma_ab(chroma: Tensor, hue: Tensor, gray: Tensor) -> Tensor:
    """Median of chroma, faded where the hue is undecided; mean of hue; sRGB with the mean ``gray``, clipped."""
    angle, length = circular_mean(hue)
    # The paper's notes print the larger of the two; the authors' code clips to 1, as here.
    faded = median(chroma) * (length / ETA).clamp(max=1)
    return rgb_to_lab(hue_chroma_to_rgb(angle, faded, gray).clamp(0, 1))[:, 1:]


def _lab_bins(rgb: Tensor) -> tuple[Tensor, Tensor]:
    edges = _quantiles(torch.arange(1, BINS, device=rgb.device))
    a, b = rgb_to_lab(rgb)[:, 1:].unbind(dim=1)
    return torch.bucketize(a.contiguous(), edges), torch.bucketize(b.contiguous(), edges)


def _lab_ab(a: Tensor, b: Tensor, gray: Tensor) -> Tensor:
    """Expectation over the bins; the grey level has no say."""
    # Bins at the ends have no middle: each stands for the quantile between those of its edges.
    centres = _quantiles(torch.arange(BINS, device=a.device) + 0.5).view(-1, 1, 1)
    return torch.stack([(histogram * centres).sum(dim=1) for histogram in (a, b)], dim=1)


def _quantiles(number: Tensor) -> Tensor:
    """Of the Gaussian, as numbers of bins from the lowest."""
    return SIGMA * torch.special.ndtri(number / BINS)


HISTOGRAMS: dict[Variant, Histograms] = {
    "hue-chroma": Histograms(("chroma", "hue"), _hue_chroma_bins, _hue_chroma_ab),
    "lab": Histograms(("a", "b"), _lab_bins, _lab_ab),
}
