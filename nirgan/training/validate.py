"""Scores and sample pictures while a run trains, by the path that ``translate`` takes."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np
from torch import Tensor

from nirgan.data.index import Data, Record
from nirgan.data.sample import Sample
from nirgan.errors import NirganError
from nirgan.inference.conditions import sample_conditions
from nirgan.inference.run import translate_source
from nirgan.metrics import score_picture
from nirgan.models.recipe import Recipe
from nirgan.monitoring.grid import Row, sample_grid
from nirgan.training.runtime import Runtime
from nirgan.training.trouble import Look, look_at

logger = logging.getLogger(__name__)
Item = TypeVar("Item")


class Judge(Protocol):
    """Scores the recipe as it is; the trainer has put it into eval mode with the weights that would be saved.

    Attributes:
        failed: Pictures that could not be read: ``file: why``.
        looks: What the pictures that were scored last look like.
    """

    failed: list[str]
    looks: list[Look]

    def scores(self) -> dict[str, float]:
        """Mean score by metric; the same on every process."""


class Previews(Protocol):
    """Draws what the recipe makes of some pictures.

    Attributes:
        looks: What the pictures that were drawn last look like.
    """

    looks: list[Look]

    def draw(self) -> dict[str, np.ndarray]:
        """Grid (H,W,3) uint8 by split."""


class Validator:
    """Means of all metrics over some pictures of the validation split, at their native size.

    Args:
        recipe: Scored as it is when ``scores`` is called.
        data: Gives the pictures.
        records: Pairs to score; processes share them out.
        runtime: The processes.
    """

    def __init__(self, recipe: Recipe, data: Data, records: Sequence[Record], runtime: Runtime) -> None:
        self._recipe, self._data, self._runtime = recipe, data, runtime
        self._records = list(records)
        self.failed: list[str] = []
        self.looks: list[Look] = []

    def scores(self) -> dict[str, float]:
        """Mean by metric.

        Left out are infinite PSNR (equal pictures), files that cannot be read, and pairs of two sizes (which only
        unregistered ones may be).
        """
        own = {}
        for index in range(self._runtime.rank, len(self._records), self._runtime.world):
            try:
                sample = self._data.sample(self._records[index])
                if sample.target is not None and sample.target.shape[1:] == sample.source.shape[1:]:
                    own[index] = self._score(sample, sample.target)
            except NirganError as error:
                if str(error) not in self.failed:
                    self.failed.append(str(error))
                    logger.warning("validation goes on without a picture: %s", error)
        rows: dict[int, tuple[dict[str, float], Look]] = {}
        for found in self._runtime.gather(own):
            rows.update(found)
        self.looks = [rows[index][1] for index in sorted(rows)]
        return mean_scores([rows[index][0] for index in sorted(rows)])

    def _score(self, sample: Sample, target: Tensor) -> tuple[dict[str, float], Look]:
        output = translate_source(self._recipe, sample.source, sample_conditions(self._recipe, sample)).cpu()
        return score_picture(output, target), look_at(sample.source, output, target)


class SampleGrids:
    """Grids of source | output | target.

    Args:
        recipe: Used as it is when ``draw`` is called.
        data: Gives the pictures.
        records: By split.
    """

    def __init__(self, recipe: Recipe, data: Data, records: Mapping[str, Sequence[Record]]) -> None:
        self._recipe, self._data = recipe, data
        self._records = {split: list(some) for split, some in records.items() if some}
        self.looks: list[Look] = []
        self._failed: set[str] = set()

    def draw(self) -> dict[str, np.ndarray]:
        """Grid (H,W,3) uint8 by split; a picture that cannot be read or translated is left out."""
        grids = {}
        self.looks = []
        for split, records in self._records.items():
            rows = [row for record in records if (row := self._row(record)) is not None]
            self.looks += [look_at(row.source, row.output, row.target) for row in rows]
            if rows:
                grids[split] = sample_grid(rows, self._data.task)
        return grids

    def _row(self, record: Record) -> Row | None:
        try:
            sample = self._data.sample(record)
            output = translate_source(self._recipe, sample.source, sample_conditions(self._recipe, sample))
        except NirganError as error:
            if str(error) not in self._failed:
                self._failed.add(str(error))
                logger.warning("sample grids go on without a picture: %s", error)
            return None
        return Row(sample.source, output, sample.target)


def evenly_spread(items: Sequence[Item], most: int) -> list[Item]:
    """At most ``most`` items at even distances, the first among them; 0 takes all."""
    if most == 0 or len(items) <= most:
        return list(items)
    return [items[index * len(items) // most] for index in range(most)]


def mean_scores(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean by metric over the finite scores; NaN where there is none."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    finite = {name: [row[name] for row in rows if name in row and math.isfinite(row[name])] for name in names}
    return {name: math.fsum(values) / len(values) if values else math.nan for name, values in finite.items()}
