"""From scores of pictures to the numbers of a table: means, intervals, differences, categories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nirgan.metrics import METRICS, aggregate, interpretability, lpips, paired_difference
from nirgan.metrics.catalogue import is_scored
from nirgan.metrics.interpretability import TRUTH
from nirgan.metrics.protocol import BASELINES
from nirgan.reporting.evaluate import Evaluation, PictureScores, Scores

Table = dict[str, dict[str, Any]]

NO_LOOKUP = "the weights hold no lookup table; weights that nirgan trains do"
NO_RANKING = "names one colour for each pixel, and ranks no bins of colour"


def summarise(evaluation: Evaluation) -> dict[str, Any]:
    """Numbers of a whole set: ``count``, ``metrics``, ``baselines``, ``differences``, ``categories``, ``dark_share``.

    Every score is ``mean``, ``low``, ``high`` (95 %), or ``mean`` None with ``why``. ``differences`` are the model
    minus each baseline, paired by picture; ``truth`` is what the truth itself scores, where it is not perfect.
    """
    pictures, task = evaluation.pictures, evaluation.task
    names = sorted({picture.category for picture in pictures})
    groups = {name: [picture for picture in pictures if picture.category == name] for name in names if any(names)}
    return {
        "count": len(pictures),
        **_means(pictures, task),
        "truth": aggregate(_rows(pictures, TRUTH)) if TRUTH in pictures[0].methods else {},
        "differences": _differences(pictures),
        "categories": {name: {"count": len(group), **_means(group, task)} for name, group in groups.items()},
        "dark_share": sum(picture.dark_share for picture in pictures) / len(pictures),
    }


def _means(pictures: Sequence[PictureScores], task: str) -> dict[str, Any]:
    """``metrics`` of the model and of each of the ``baselines``."""
    nothing = {metric: _without(NO_LOOKUP) for metric in METRICS}
    methods = pictures[0].methods
    return {
        "metrics": _complete(pictures, "model", task),
        "baselines": {name: _complete(pictures, name, task) if name in methods else nothing for name in BASELINES},
    }


def _differences(pictures: Sequence[PictureScores]) -> dict[str, Table]:
    model, weights = _rows(pictures, "model"), _weights(pictures)
    return {
        name: paired_difference(model, _rows(pictures, name), weights)
        for name in BASELINES
        if name in pictures[0].methods
    }


def _complete(pictures: Sequence[PictureScores], method: str, task: str) -> Table:
    """Every metric in the order of ``METRICS``; those that were not computed say why."""
    found = aggregate(_rows(pictures, method), _weights(pictures))
    return {name: found[name] if name in found else _without(_why(name, task)) for name in METRICS}


def _why(metric: str, task: str) -> str:
    """Why a metric was not computed."""
    if not is_scored(metric, task):
        return f"scored for {' and '.join(METRICS[metric].tasks)} alone"
    reasons: dict[str, Callable[[], str | None]] = {
        "lpips": lpips.missing,
        "interpretability": interpretability.missing,
        "acc5": lambda: NO_RANKING,
    }
    return (reasons[metric]() if metric in reasons else None) or "not computed"


def _without(why: str) -> dict[str, Any]:
    return {"mean": None, "why": why}


def _rows(pictures: Sequence[PictureScores], method: str) -> list[Scores]:
    return [picture.methods[method] for picture in pictures]


def _weights(pictures: Sequence[PictureScores]) -> dict[str, list[float]]:
    return {name: [picture.weights[name] for picture in pictures] for name in pictures[0].weights}
