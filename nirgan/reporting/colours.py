"""Scores of pictures whose lightness was given: how near their colours are, and what is recognised by them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nirgan.data.sample import Sample
from nirgan.inference.conditions import sample_conditions
from nirgan.inference.run import Tile, rank_bins
from nirgan.metrics.ab_accuracy import MOST, ab_accuracy, gray_bins
from nirgan.metrics.auc import by_bin, pixel_auc, rebalanced
from nirgan.metrics.colours import colours_of
from nirgan.metrics.interpretability import Classify, Interpretability
from nirgan.models.recipe import Recipe

Scores = dict[str, float]


@dataclass(frozen=True)
class ByColour:
    """What the rebalanced score needs of one picture, once it is known how frequent colours are in all.

    Attributes:
        shares: Of the truth's pixels, by bin (313,).
        scores: ``auc`` by the truth's bin (313,), of each method.
    """

    shares: NDArray[np.float64]
    scores: dict[str, NDArray[np.float64]]


class ColourScorer:
    """Scores colours, for ``gray2rgb``.

    Args:
        recipe: What is scored; asked for its ranking of bins if it has one.
        categories: Of all pictures to score.
        tile: As in ``translate_source``.
        classify: From ``nirgan.metrics.interpretability.load_classifier``; without it that metric is left out.
    """

    def __init__(
        self, recipe: Recipe, categories: Collection[str], *, tile: Tile = "auto", classify: Classify | None = None
    ) -> None:
        self._recipe, self._tile = recipe, tile
        self._seen = Interpretability(classify, categories) if classify is not None else None

    @property
    def notes(self) -> list[str]:
        """What the numbers do not say by themselves."""
        if self._seen is None or self._seen.labelled:
            return []
        return [
            "interpretability: agreement with what VGG-16 sees in the truth, because not every folder is named as a "
            "class of ImageNet"
        ]

    def score(self, sample: Sample, outputs: Mapping[str, Tensor]) -> tuple[dict[str, Scores], ByColour]:
        """Scores of one picture by method, of the truth itself as ``truth``, and what rebalancing needs.

        Args:
            sample: With its target.
            outputs: (3,H,W) in [0, 1] by method: ``model``, and baselines.
        """
        assert sample.target is not None, sample.key
        truth = colours_of(sample.target)
        named = self._named(sample)
        found: dict[str, Scores] = {}
        by_colour = ByColour(by_bin(truth.bins), {})
        for method, picture in outputs.items():
            own = colours_of(picture)
            pixels = pixel_auc(own.ab[None], truth.ab[None])[0]
            by_colour.scores[method] = by_bin(truth.bins, pixels)
            ranked = named.get(method)
            first = own.bins[None] if ranked is None else ranked[:1]
            found[method] = {"auc": float(pixels.mean()), "acc1": _accuracy(first, truth.bins)}
            if ranked is not None:
                found[method]["acc5"] = _accuracy(ranked, truth.bins)
        if self._seen is not None:
            for method, seen in self._seen.score(outputs, sample.target, sample.category).items():
                found.setdefault(method, {})["interpretability"] = seen
        return found, by_colour

    def _named(self, sample: Sample) -> dict[str, Tensor]:
        """The five bins that a method names for each pixel, of those that name as many."""
        named = {"copy": gray_bins()}
        conditions = sample_conditions(self._recipe, sample)
        ranked = rank_bins(self._recipe, sample.source, conditions, most=MOST, tile=self._tile)
        return named if ranked is None else {"model": ranked.cpu(), **named}


def rebalance(pictures: Sequence[ByColour]) -> tuple[list[Scores], list[float]]:
    """``auc_rebalanced`` of each picture by method, and each picture's weight in the mean, which no method changes."""
    shares = np.stack([picture.shares for picture in pictures])
    found = {m: rebalanced(shares, np.stack([picture.scores[m] for picture in pictures])) for m in pictures[0].scores}
    _, weights = next(iter(found.values()))
    rows = [{method: float(scores[i]) for method, (scores, _) in found.items()} for i in range(len(pictures))]
    return rows, weights.tolist()


def _accuracy(named: Tensor, target: Tensor) -> float:
    return float(ab_accuracy(named[None], target[None]))
