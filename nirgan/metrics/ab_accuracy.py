"""Accuracy on bins of colour: how often the true one is among those that stand highest."""

from __future__ import annotations

import torch
from torch import Tensor

from nirgan.color.ab_bins import soft_encode

MOST = 5
"""Bins that count as named: of ``acc5``, and of a soft-encoded colour."""


def ab_accuracy(ranked: Tensor, target: Tensor) -> Tensor:
    """Share of pixels whose true bin is among those named for it.

    Zhang et al.'s classification seen as one: no distance between bins counts. A method that names one colour for each
    pixel has no second; there is no fifth to be made of distances.

    Args:
        ranked: Numbers of bins (N,k,H,W), or (N,k,1,1) for the same everywhere.
        target: The true bins (N,H,W).

    Returns:
        (N,) float64, in percent.
    """
    return 100 * (ranked == target.unsqueeze(1)).any(dim=1).double().mean(dim=(1, 2))


def gray_bins() -> Tensor:
    """The five bins that grey is soft-encoded as, its own and the four beside it: (5,1,1).

    What always answering «grey» names: the baseline of ``acc5``.
    """
    return soft_encode(torch.zeros(1, 2, 1, 1), neighbours=MOST)[0][0]
