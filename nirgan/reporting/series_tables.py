"""The tables of a series: every method with its best and last weights, beside baselines, and picture by picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirgan.errors import NirganError, nearest
from nirgan.reporting.compare import compare
from nirgan.reporting.files import read_results
from nirgan.reporting.sheets import (
    SHOWN,
    conditions,
    differences,
    headings,
    markdown_table,
    plain,
    scores,
    training_table,
)

CHECKPOINTS = ("best", "last")
"""Weights that are scored. Validation chose the best among those of one training; the last were not chosen at all."""

Line = tuple[str, str, str, Mapping[str, Any]]
"""Method or baseline, weights (none of a baseline), category (none: all pictures), and what was scored."""


@dataclass(frozen=True)
class SeriesTables:
    """Markdown and CSV of methods that were trained and scored alike.

    Attributes:
        results: By method: ``training``, as of ``train_once``, and of each of ``CHECKPOINTS`` what it scored.
        metrics: Those that are shown.
    """

    results: Mapping[str, Mapping[str, Any]]
    metrics: Sequence[str] = SHOWN

    def conditions(self) -> str:
        """What all lines have in common."""
        first = next(iter(self.results.values()))
        return conditions([result["training"]["settings"] for result in self.results.values()], first["best"])

    @property
    def split(self) -> str:
        """The part of the data that was scored."""
        return str(next(iter(self.results.values()))["best"]["split"])

    def whole(self) -> str:
        """Scores over all pictures with their intervals."""
        rows = [
            [f"{name} {weights}".strip(), *scores(of["metrics"], self.metrics)]
            for name, weights, category, of in self._lines()
            if not category
        ]
        return markdown_table(self._columns, rows)

    def beside_copy(self) -> str:
        """What each method differs by from the plain copy of the source, picture by picture."""
        rows = [
            [f"{name} {weights}", *differences(of["differences"]["copy"], self.metrics)]
            for name, weights, category, of in self._lines()
            if weights and not category
        ]
        return markdown_table(self._columns, rows)

    def beside(self, against: str, evaluations: Mapping[str, Path]) -> str:
        """What each other method, with its best weights, differs by from one of them, picture by picture.

        Args:
            against: Name of that one.
            evaluations: Folders with the best weights' scores, by method.
        """
        rows = [[name, *differences(run["difference"], self.metrics)] for name, run in self._runs(against, evaluations)]
        return markdown_table(self._columns, rows)

    def beside_by_category(self, against: str, evaluations: Mapping[str, Path]) -> str:
        """As ``beside``, each category alone."""
        rows = [
            [f"{part} ({of['count']})", name, *differences(of["difference"], self.metrics)]
            for name, run in self._runs(against, evaluations)
            for part, of in run["categories"].items()
        ]
        return markdown_table(["category", *self._columns], sorted(rows, key=lambda row: row[0]))

    def by_category(self) -> str:
        """Means of the best weights and of the baselines; empty where the data has no categories."""
        rows = [
            [f"{part} ({of['count']})", name, *scores(of["metrics"], self.metrics, interval=False)]
            for name, weights, part, of in self._lines()
            if part and weights != "last"
        ]
        return markdown_table(["category", *self._columns], sorted(rows, key=lambda row: row[0])) if rows else ""

    def trainings(self) -> str:
        """Steps, crops, seconds and sizes."""
        return training_table({name: result["training"] for name, result in self.results.items()})

    def records(self) -> Iterator[dict[str, Any]]:
        """Rows of a CSV: all lines, with the facts of the training and the hash of the weights."""
        for name, weights, category, group in self._lines():
            row = {"model": name, "weights": weights, "category": category, "split": self.split}
            row["pictures"] = group["count"]
            if weights:
                of, training = self.results[name][weights]["weights"], self.results[name]["training"]
                facts = {key: value for key, value in training.items() if key != "settings"}
                row |= {"step": of["step"], "hash": of["hash"], **facts}
            yield row | plain(group["metrics"], self.metrics)

    @property
    def _columns(self) -> list[str]:
        return ["model", *headings(self.metrics)]

    def _runs(self, against: str, evaluations: Mapping[str, Path]) -> list[tuple[str, dict[str, Any]]]:
        if against not in self.results:
            raise NirganError(f"nothing was scored of '{against}'{nearest(against, list(self.results))}")
        others = [name for name in self.results if name != against]
        compared = compare([read_results(evaluations[name]) for name in (against, *others)])
        return list(zip(others, compared["runs"][1:], strict=True))

    def _lines(self) -> Iterator[Line]:
        """Every line that tables choose from; baselines, which all methods share, once and at the end."""
        for name, result in self.results.items():
            for weights in CHECKPOINTS:
                for category, group in {"": result[weights], **result[weights]["categories"]}.items():
                    yield name, weights, category, group
        first = next(iter(self.results.values()))["best"]
        for category, group in {"": first, **first["categories"]}.items():
            for baseline, metrics in group["baselines"].items():
                yield f"baseline {baseline}", "", category, {"count": group["count"], "metrics": metrics}
