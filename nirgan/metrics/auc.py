"""Raw accuracy (Zhang, Isola and Efros 2016): the area under the curve of errors in a and b, plain and rebalanced.

The curve says which share of pixels is off by no more than t, for t = 0, 1, …, 150; the area under it, by the trapezoid
rule, is taken as a share of 150. A pixel that is off by d lifts the curve from the first t that is not below d on, so
the area is a mean over pixels of what each lifts it by: 100 % where d is 0, ``150.5 − ⌈d⌉`` of 150 from there to 150.
Means of it can be weighted and put together like any other score's.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirgan.color.ab_bins import BINS

TOP = 150
"""The largest error that counts, in Lab's units."""
FLOOR = 1e-6
"""Of a colour's frequency: no colour counts more than a million times its share."""
_EXACT = 0.01
"""Errors up to this much above a threshold do not exceed it: Lab's rounded constants give greys up to 0.006 of colour,
which differs from level to level."""

Array = NDArray[np.float64]


def pixel_auc(output: Tensor, target: Tensor) -> Tensor:
    """What each pixel adds to the area under the curve: 100 if its colour is the truth's, 0 if off by more than 150.

    Args:
        output: Lab's a and b (N,2,H,W).
        target: The truth's, alike.

    Returns:
        (N,H,W) float64, in percent; its mean is the AuC.
    """
    error = (output.double() - target.double()).square().sum(dim=1).sqrt()
    return 100 * (TOP + 0.5 - (error - _EXACT).ceil()).clamp(0, TOP) / TOP


def by_bin(bins: Tensor, values: Tensor | None = None) -> Array:
    """Sum the values (H,W) of a picture by bin, over the number of all its pixels; without values, the bins' shares.

    Args:
        bins: (H,W) int64, each pixel's number in ``ab_bins``.
        values: Of each pixel; None counts pixels.

    Returns:
        (313,): adds up to the values' mean, without values to 1.
    """
    flat = None if values is None else values.double().flatten()
    sums = torch.bincount(bins.flatten(), flat, minlength=BINS)
    return sums.double().cpu().numpy() / bins.numel()


def rebalanced(shares: Array, scores: Array) -> tuple[Array, Array]:
    """AuC with each pixel weighted inversely to how frequent its true colour is in all n pictures.

    Frequencies are those of the truths that are scored, every picture counting alike, so that two models on the same
    pictures are weighed alike. The score of the set is the weighted mean of the pictures' scores: each colour that
    occurs counts as much as any other.

    Args:
        shares: (n,313), the shares of true colours in each picture, as ``by_bin`` gives them.
        scores: (n,313), of ``pixel_auc`` by true colour, alike.

    Returns:
        Each picture's own score in percent (n,), and its weight in the mean (n,), 1 on average.
    """
    frequencies = np.maximum(shares.mean(axis=0), FLOOR)
    weights = (shares / frequencies).sum(axis=1)
    return (scores / frequencies).sum(axis=1) / weights, weights / weights.mean()
