"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from nirgan.metrics.catalogue import METRICS, is_scored

Score = Mapping[str, Any]


def result_table(summary: Mapping[str, Any]) -> Table:
    """Rows are metrics, columns the model and each baseline."""
    table = _table(f"{summary['protocol']}: {summary['count']} pictures, mean and 95 % interval", "metric", "model")
    for baseline in summary["baselines"]:
        table.add_column(baseline, justify="right")
    for metric, score in _of_task(summary["metrics"], summary["task"]).items():
        others = [scores.get(metric, {}) for scores in summary["baselines"].values()]
        table.add_row(label(metric), number(score), *map(number, others))
    return table


def difference_table(summary: Mapping[str, Any]) -> Table:
    """Rows are metrics, columns the model's difference to each baseline on the same pictures."""
    differences = summary["differences"]
    columns = [f"model − {name}" for name in differences]
    table = _table("Differences picture by picture, mean and 95 % interval", "metric", *columns)
    for metric, score in summary["metrics"].items():
        if score["mean"] is not None and METRICS[metric].better in ("higher", "lower"):
            table.add_row(label(metric), *(marked(metric, scores.get(metric)) for scores in differences.values()))
    return table


def category_table(summary: Mapping[str, Any]) -> Table | None:
    """Rows are categories, columns the model's means; None where the data has no categories."""
    groups = summary["categories"]
    if not groups:
        return None
    computed = [metric for metric, score in summary["metrics"].items() if score["mean"] is not None]
    computed.remove("colourfulness")  # means little beside no truth; its gap says it
    table = _table("By category", "category", "pictures", *map(label, computed))
    for name, group in groups.items():
        means = [number(group["metrics"][metric], interval=False) for metric in computed]
        table.add_row(name or "(none)", str(group["count"]), *means)
    return table


def comparison_table(comparison: Mapping[str, Any]) -> Table:
    """Rows are metrics; columns the first run, and each other run with its paired difference to the first."""
    first, *others = comparison["runs"]
    columns = [title for run in others for title in (run["name"], "minus first")]
    title = f"{comparison['protocol']}: {comparison['count']} pictures, mean and 95 % interval"
    table = _table(title, "metric", first["name"], *columns)
    for metric, score in _of_task(first["metrics"], comparison["task"]).items():
        cells = [
            cell
            for run in others
            for cell in (number(run["metrics"].get(metric, {})), marked(metric, run["difference"].get(metric)))
        ]
        table.add_row(label(metric), number(score), *cells)
    return table


def footnotes(of: Mapping[str, Any], scores: Mapping[str, Score]) -> list[str]:
    """What a table of means hides: why a score is missing, what is left out of one, what the truth scores.

    Args:
        of: What the table shows: an evaluation or a comparison.
        scores: The means themselves, by metric.
    """
    scores = _of_task(scores, of["task"])
    notes = [f"{metric}: {score['why']}" for metric, score in scores.items() if score.get("mean") is None]
    for metric, score in scores.items():
        left_out = [f"{score[kind]} {kind}" for kind in ("infinite", "undefined") if kind in score]
        if left_out and score.get("mean") is not None:
            notes.append(f"{metric}: {' and '.join(left_out)} left out of the mean")
    if "colourfulness_gap" in scores:
        truth = scores["colourfulness"]["mean"] - scores["colourfulness_gap"]["mean"]
        notes.append(f"colourfulness: the truth's own is {truth:.2f}")
    for metric, score in of.get("truth", {}).items():
        notes.append(f"{metric}: the truth's own is {score['mean']:.2f}")
    if of.get("dark_share", 0) >= 1e-4:
        notes.append(f"ae: {of['dark_share']:.2%} of pixels are black in output or truth and count 0")
    return notes


def label(metric: str) -> str:
    """Name, unit and the direction of good scores."""
    known = METRICS.get(metric)
    if known is None:
        return metric
    arrow = {"higher": "↑", "lower": "↓", "near zero": "→ 0", "near truth": ""}[known.better]
    return " ".join(part for part in (metric, f"({known.unit})" if known.unit else "", arrow) if part)


def number(score: Score, *, interval: bool = True) -> str:
    """Mean and interval, or a dash."""
    if score.get("mean") is None:
        return "-"
    digits = 3 if abs(score["mean"]) < 1 else 2
    mean = f"{score['mean']:.{digits}f}"
    return f"{mean} [{score['low']:.{digits}f}, {score['high']:.{digits}f}]" if interval else mean


def marked(metric: str, difference: Score | None) -> str:
    """A difference with its sign, and a word where its interval leaves zero out."""
    if difference is None or difference.get("mean") is None:
        return "-"
    digits = 3 if abs(difference["mean"]) < 1 else 2
    low, mean, high = (f"{difference[key]:+.{digits}f}" for key in ("low", "mean", "high"))
    return " ".join(part for part in (f"{mean} [{low}, {high}]", verdict(metric, difference)) if part)


def verdict(metric: str, difference: Score) -> str:
    """``better`` or ``worse`` if the whole interval says so; else, or for a metric without a direction, empty."""
    known = METRICS.get(metric)
    if known is None or known.better not in ("higher", "lower"):
        return ""
    above, below = difference["low"] > 0, difference["high"] < 0
    if not above and not below:
        return ""
    return "better" if above == (known.better == "higher") else "worse"


def _of_task(scores: Mapping[str, Score], task: str) -> dict[str, Score]:
    """Without metrics that say nothing of the task."""
    return {metric: score for metric, score in scores.items() if is_scored(metric, task)}


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title)
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table
