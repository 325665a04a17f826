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
    names = sorted({picture.category for picture in pictures})
    groups = {name: [picture for picture in pictures if picture.category == name] for name in names if any(names)}
    return {
        "count": len(pictures),
        **_means(pictures),
        "differences": _differences(pictures),
        "categories": {name: {"count": len(group), **_means(group)} for name, group in groups.items()},
        "dark_share": sum(picture.dark_share for picture in pictures) / len(pictures),
    }


def _means(pictures: Sequence[PictureScores]) -> dict[str, Any]:
    """``metrics`` of the model and of each of the ``baselines``."""
    nothing = {metric: _without(NO_LOOKUP) for metric in METRICS}
    methods = pictures[0].methods
    return {
        "metrics": _complete(_rows(pictures, "model")),
        "baselines": {name: _complete(_rows(pictures, name)) if name in methods else nothing for name in BASELINES},
    }


def _differences(pictures: Sequence[PictureScores]) -> dict[str, Table]:
    model = _rows(pictures, "model")
    return {name: paired_difference(model, _rows(pictures, name)) for name in BASELINES if name in pictures[0].methods}


def _complete(rows: Sequence[Scores]) -> Table:
    """Every metric in the order of ``METRICS``; those that were not computed say why."""
    found = aggregate(rows)
    return {name: found[name] if name in found else _without(missing() or "not computed") for name in METRICS}


def _without(why: str) -> dict[str, Any]:
    return {"mean": None, "why": why}


def _rows(pictures: Sequence[PictureScores], method: str) -> list[Scores]:
    return [picture.methods[method] for picture in pictures]
