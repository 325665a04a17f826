"""From scores of pictures to scores of a set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nirgan.metrics.bootstrap import bootstrap_interval

Rows = Sequence[Mapping[str, float]]
Weights = Mapping[str, Sequence[float]]
"""How much each picture counts in a metric's mean, by metric: of those in which pictures do not count alike."""


def aggregate(rows: Rows, weights: Weights | None = None) -> dict[str, dict[str, Any]]:
    """Mean over pictures with its 95 % bootstrap interval, for every metric that any row holds.

    Infinite scores (PSNR of equal pictures) and scores that do not exist (NaN: SSIM of a tiny picture) are left out of
    the mean and counted.

    Args:
        rows: Scores by metric, one mapping per picture.
        weights: Positive numbers by metric, one per row.

    Returns:
        By metric: ``mean``, ``low``, ``high``, and ``infinite`` or ``undefined`` counts where not 0. Without a single
        finite score: ``mean`` None and ``why``.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows], dtype=np.float64)
    table = table.reshape(len(rows), len(names))
    counting = np.ones_like(table)
    for name, per_picture in (weights or {}).items():
        if name in names:
            counting[:, names.index(name)] = per_picture
    finite = np.isfinite(table)
    result: dict[str, dict[str, Any]] = {name: {} for name in names}
    for kept in np.unique(finite, axis=1).T if names else ():  # metrics that miss the same pictures share their draws
        columns = np.flatnonzero((finite == kept[:, None]).all(axis=0))
        if kept.any():
            part = np.ix_(kept, columns)
            _fill(result, [names[c] for c in columns], table[part], counting[part])
    for column, name in enumerate(names):
        result[name] |= _left_out(table[:, column])
    return result


def paired_difference(first: Rows, second: Rows, weights: Weights | None = None) -> dict[str, dict[str, Any]]:
    """``aggregate`` of first minus second, picture by picture: the interval is much tighter than that of either mean.

    Only pictures whose scores are finite in both count; rows must be in the same order.
    """
    shared = [name for name in first[0] if name in second[0]] if first and second else []
    rows = [{name: _minus(a[name], b[name]) for name in shared} for a, b in zip(first, second, strict=True)]
    return aggregate(rows, weights)


def _minus(first: float, second: float) -> float:
    both = np.isfinite(first) and np.isfinite(second)
    return first - second if both else float("nan")


def _fill(
    result: dict[str, dict[str, Any]], names: list[str], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> None:
    low, high = bootstrap_interval(values, weights)
    for column, name in enumerate(names):
        mean = np.average(values[:, column], weights=weights[:, column])
        result[name] = {"mean": float(mean), "low": float(low[column]), "high": float(high[column])}


def _left_out(column: NDArray[np.float64]) -> dict[str, Any]:
    infinite, undefined = int(np.isinf(column).sum()), int(np.isnan(column).sum())
    counts = {name: n for name, n in (("infinite", infinite), ("undefined", undefined)) if n}
    if infinite + undefined < len(column):
        return counts
    parts = [f"{n} {name}" for name, n in counts.items()] or ["no pictures"]
    return {"mean": None, "why": f"no finite score ({', '.join(parts)})", **counts}
