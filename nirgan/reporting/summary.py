"""From scores of pictures to the numbers of a table: means, intervals, differences, categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nirgan.metrics import METRICS, aggregate, paired_difference
from nirgan.metrics.lpips import missing
from nirgan.metrics.protocol import BASELINES
from nirgan.reporting.evaluate import Evaluation, PictureScores, Scores

Table = dict[str, dict[str, Any]]

NO_LOOKUP = "the weights hold no lookup table; weights that nirgan trains do"


def summarise(evaluation: Evaluation) -> dict[str, Any]:
    """Numbers of a whole set: ``count``, ``metrics``, ``baselines``, ``differences``, ``categories``, ``dark_share``.

    Every score is ``mean``, ``low``, ``high`` (95 %), or ``mean`` None with ``why``. ``differences`` are the model
    minus each baseline, paired by picture.
    """
    pictures = evaluation.pictures
    whole = _means(pictures)
    rows = _rows(pictures, "model")
    differences = {
        name: paired_difference(rows, _rows(pictures, name)) for name in BASELINES if name in _methods(pictures)
    }
    names = sorted({picture.category for picture in pictures})
    groups = {name: [picture for picture in pictures if picture.category == name] for name in names}
    return {
        "count": len(pictures),
        **whole,
        "differences": differences,
        "categories": {name: {"count": len(group), **_means(group)} for name, group in groups.items()}
        if any(names)
        else {},
        "dark_share": sum(picture.dark_share for picture in pictures) / len(pictures),
    }


def _means(pictures: Sequence[PictureScores]) -> dict[str, Any]:
    """``metrics`` of the model and of each of the ``baselines``."""
    methods = _methods(pictures)
    baselines = {
        name: _complete(_rows(pictures, name))
        if name in methods
        else {metric: _without(NO_LOOKUP) for metric in METRICS}
        for name in BASELINES
    }
    return {"metrics": _complete(_rows(pictures, "model")), "baselines": baselines}


def _complete(rows: Sequence[Scores]) -> Table:
    """Every metric in the order of ``METRICS``; those that were not computed say why."""
    found = aggregate(rows)
    return {name: found[name] if name in found else _without(missing() or "not computed") for name in METRICS}


def _without(why: str) -> dict[str, Any]:
    return {"mean": None, "why": why}


def _methods(pictures: Sequence[PictureScores]) -> set[str]:
    return set(pictures[0].methods)


def _rows(pictures: Sequence[PictureScores], method: str) -> list[Scores]:
    return [picture.methods[method] for picture in pictures]
