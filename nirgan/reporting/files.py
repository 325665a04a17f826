"""Results on disk: ``metrics.json`` (means, intervals, how they came about) and ``per_image.csv``."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirgan.errors import NirganError
from nirgan.files import csv_bytes, write_whole
from nirgan.reporting.evaluate import PictureScores, Scores

SUMMARY, PER_IMAGE = "metrics.json", "per_image.csv"
WEIGHT = "_weight"
"""Ends the names of columns that hold weights."""


@dataclass(frozen=True)
class Results:
    """One evaluation, as read back.

    Attributes:
        name: The run or folder as it was named.
        summary: The content of ``metrics.json``.
        scores: The model's scores by key.
        weights: By metric and key how much a picture counts, of metrics in which pictures do not count alike.
        categories: By key; empty where the data has none.
    """

    name: str
    summary: dict[str, Any]
    scores: dict[str, Scores]
    weights: dict[str, Scores]
    categories: dict[str, str]


def write_results(folder: Path, summary: dict[str, Any], pictures: Sequence[PictureScores]) -> None:
    """Write both files, each whole or not at all; ``metrics.json`` last: where it is, ``per_image.csv`` is too."""
    write_whole(folder / PER_IMAGE, per_image_csv(pictures))
    text = json.dumps(summary, indent=2, allow_nan=False)  # ASCII: file names need not be UTF-8
    write_whole(folder / SUMMARY, f"{text}\n".encode())


def per_image_csv(pictures: Sequence[PictureScores]) -> bytes:
    """One row per picture: key, category, each of the model's metrics, each baseline's as ``copy_psnr``, dark share.

    How much it counts in a metric follows as ``auc_rebalanced_weight``, where pictures do not count alike. Numbers are
    written in full; ``inf`` is the PSNR of equal pictures, an empty cell a score that does not exist.
    """
    rows = [
        {
            "key": picture.key,
            "category": picture.category,
            **{column: _cell(value) for method in picture.methods for column, value in _columns(picture, method)},
            "dark_share": picture.dark_share,
            **{f"{metric}{WEIGHT}": repr(weight) for metric, weight in picture.weights.items()},
        }
        for picture in pictures
    ]
    columns = list(rows[0]) if rows else ["key"]
    return csv_bytes([columns, *([row.get(column, "") for column in columns] for row in rows)])


def read_results(path: Path, split: str = "test") -> Results:
    """Read an evaluation: of a run's split, or of the folder that holds the files.

    Raises:
        NirganError: if there is none, or a file is damaged.
    """
    folder = path if (path / SUMMARY).is_file() else path / "evaluation" / split
    if not (folder / SUMMARY).is_file():
        raise NirganError(
            f"{path}: no results of the split '{split}'; run: nirgan evaluate --weights {path} --split {split}"
        )
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        table = (folder / PER_IMAGE).read_bytes().decode(errors="surrogateescape")
        rows = list(csv.DictReader(io.StringIO(table, newline="")))
        names = list(summary["metrics"])
        scores = {row["key"]: {name: float(row[name] or "nan") for name in names if name in row} for row in rows}
        weighed = [name for name in names if rows and f"{name}{WEIGHT}" in rows[0]]
        weights = {name: {row["key"]: float(row[f"{name}{WEIGHT}"]) for row in rows} for name in weighed}
        categories = {row["key"]: row["category"] for row in rows if row.get("category")}
    except (OSError, csv.Error, ValueError, KeyError, TypeError) as error:
        raise NirganError(f"{folder}: damaged results ({error}); evaluate again") from None
    return Results(name=str(path), summary=summary, scores=scores, weights=weights, categories=categories)


def _columns(picture: PictureScores, method: str) -> list[tuple[str, float]]:
    prefix = "" if method == "model" else f"{method}_"
    return [(f"{prefix}{name}", value) for name, value in picture.methods[method].items()]


def _cell(value: float) -> str:
    return "" if math.isnan(value) else repr(value)
