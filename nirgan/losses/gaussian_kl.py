"""Distance of codes from the standard normal distribution."""

from __future__ import annotations

from torch import Tensor

from nirgan.registry import LOSSES


@LOSSES.register("gaussian-kl", paper="arXiv 1703.00848")
def gaussian_kl(mean: Tensor) -> Tensor:
    """Mean of squared means (any shape), from 0: Kullback-Leibler divergence of N(mean, 1) from N(0, 1), times two."""
    return mean.float().square().mean()
