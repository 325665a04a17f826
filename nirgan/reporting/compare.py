"""Several evaluations side by side, compared picture by picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nirgan.data.index import first_of
from nirgan.errors import NirganError
from nirgan.metrics import paired_difference
from nirgan.reporting.files import Results


def compare(results: Sequence[Results]) -> dict[str, Any]:
    """Put evaluations beside the first one.

    Returns:
        ``protocol``, ``task``, ``count``, ``notes`` for people and ``runs``: each with its ``name`` and ``metrics``,
        and all but the first with its ``difference`` to the first, means and 95 % intervals of the paired differences,
        and ``categories``: by name, the ``count`` of its pictures and the ``difference`` on them.

    Raises:
        NirganError: if they scored other pictures, another task or by another protocol.
    """
    first, *others = results
    for other in others:
        _check_comparable(first, other)
    keys = sorted(first.scores)
    groups: dict[str, list[str]] = {}
    for key in keys:
        if key in first.categories:
            groups.setdefault(first.categories[key], []).append(key)
    runs: list[dict[str, Any]] = [{"name": result.name, "metrics": result.summary["metrics"]} for result in results]
    for run, other in zip(runs[1:], others, strict=True):
        run["difference"] = _difference(other, first, keys)
        run["categories"] = {
            name: {"count": len(group), "difference": _difference(other, first, group)}
            for name, group in sorted(groups.items())
        }
    differing = (_other_files, _other_ensemble)
    notes = [words for other in others for differ in differing if (words := differ(first, other))]
    of = {name: first.summary.get(name) for name in ("protocol", "task")}
    return {**of, "count": len(keys), "runs": runs, "notes": notes}


def _difference(result: Results, first: Results, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    weights = {name: [by_key[key] for key in keys] for name, by_key in first.weights.items()}
    return paired_difference([result.scores[key] for key in keys], [first.scores[key] for key in keys], weights)


def _other_files(first: Results, other: Results) -> str:
    one, two = (result.summary.get("data", {}).get("hash") for result in (first, other))
    if one == two:
        return ""
    return f"{first.name} and {other.name} scored files of the same names, but not the same files: evaluate both again"


def _other_ensemble(first: Results, other: Results) -> str:
    one, two = (result.summary.get("ensemble", 1) for result in (first, other))
    if one == two:
        return ""
    return f"{first.name} and {other.name} were not translated alike: ensembles of {one} and {two} symmetries"


def _check_comparable(first: Results, other: Results) -> None:
    names = f"{first.name} and {other.name}"
    for what, one, two in (
        ("protocol", first.summary.get("protocol"), other.summary.get("protocol")),
        ("task", first.summary.get("task"), other.summary.get("task")),
    ):
        if one != two:
            raise NirganError(f"{names} cannot be compared: the {what} is {one} here and {two} there")
    only = [sorted(a.keys() - b.keys()) for a, b in ((first.scores, other.scores), (other.scores, first.scores))]
    if any(only):
        parts = [
            f"{len(keys)} only in {result.name} ({first_of(keys, 3)})"
            for keys, result in zip(only, (first, other), strict=True)
            if keys
        ]
        raise NirganError(
            f"{names} scored other pictures: {'; '.join(parts)}. Evaluate both with the same --data and --split"
        )
