"""How sure a mean over pictures is: the percentile bootstrap (Efron 1979)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
SEED = 0
LEVEL = 0.95
_CHUNK = 2**20  # picture numbers drawn at once: bounds the memory, changes no draw


def bootstrap_interval(
    values: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % interval of the weighted mean over pictures of each column, by 10,000 draws of n pictures with replacement.

    The draws depend on n alone (NumPy's default generator, seed 0), so columns are resampled together, and so are two
    models on the same pictures.

    Args:
        values: (n, K), finite, n ≥ 1.
        weights: (n, K), positive; drawn with their values, so that each mean is one of numerator and denominator.

    Returns:
        Lower and upper ends, (K,) each: the 2.5th and 97.5th percentile of the draws' means, interpolated linearly.
    """
    n = len(values)
    rng = np.random.default_rng(SEED)
    chunk = max(1, _CHUNK // n)
    weighted = values * weights
    means = np.empty((DRAWS, values.shape[1]))
    for start in range(0, DRAWS, chunk):
        rows = min(chunk, DRAWS - start)
        drawn = rng.integers(0, n, (rows, n))
        drawn += np.arange(rows)[:, None] * n
        times = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)  # how often each picture was drawn
        means[start : start + rows] = (times @ weighted) / (times @ weights)
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(means, [tail, 100 - tail], axis=0)
    return low, high
