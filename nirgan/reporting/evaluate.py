"""Score a recipe's outputs against the truth, picture by picture, beside the baselines."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from torch import Tensor

from nirgan.data.index import Data, Record
from nirgan.data.lookup import apply_lookup
from nirgan.data.sample import Pairing, Sample
from nirgan.errors import NirganError
from nirgan.inference.conditions import sample_conditions
from nirgan.inference.processes import gather, this_process
from nirgan.inference.run import Tile, translate_source
from nirgan.metrics import dark_share, score_picture, to_8_bit
from nirgan.metrics.baselines import copy_source
from nirgan.metrics.catalogue import Score, is_scored
from nirgan.metrics.interpretability import load_classifier
from nirgan.metrics.lpips import load_lpips
from nirgan.models.recipe import Recipe
from nirgan.models.weights import WeightsInfo
from nirgan.reporting.colours import ByColour, ColourScorer, Scores, rebalance

logger = logging.getLogger(__name__)

OnProgress = Callable[[int, int], None]
"""Told the number of pictures done and of all (of this process's share)."""


@dataclass(frozen=True)
class PictureScores:
    """All scores of one picture.

    Attributes:
        key: ``set/name``.
        category: As the data names it.
        methods: Scores by method: ``model``, ``copy`` and, where the weights hold a table, ``lookup``; and as ``truth``
            what the truth itself scores, of metrics in which it is not perfect.
        dark_share: Share of pixels that are black in output or truth, and count 0 in the angular error.
        weights: How much the picture counts, by metric: of those in which pictures do not count alike.
        by_colour: What the rest of the set is needed for, until it is there.
    """

    key: str
    category: str
    methods: dict[str, Scores]
    dark_share: float
    weights: dict[str, float] = field(default_factory=dict)
    by_colour: ByColour | None = None


@dataclass(frozen=True)
class Failure:
    """A picture that could not be scored, and why."""

    path: str
    error: str


@dataclass
class Evaluation:
    """Scores of a set for a task, in the order of its keys, what could not be scored, and notes for people."""

    pictures: list[PictureScores] = field(default_factory=list)
    failed: list[Failure] = field(default_factory=list)
    seconds: float = 0.0
    task: str = "nir2rgb"
    notes: list[str] = field(default_factory=list)


def evaluate(
    recipe: Recipe,
    info: WeightsInfo,
    data: Data,
    split: str = "test",
    *,
    tile: Tile = "auto",
    ensemble: int = 1,
    shared: bool = False,
    on_progress: OnProgress = lambda done, total: None,
) -> Evaluation:
    """Score every picture of a split; a file that cannot be read is listed, and the rest is scored.

    Args:
        recipe: In eval mode, on the device to use.
        info: Of its weights: the task, and the baseline's table.
        data: With registered pairs.
        split: ``train``, ``val``, ``test`` or ``all``.
        tile: As in ``translate_source``.
        ensemble: The same.
        shared: Share the pictures with the other processes of a launcher such as ``torchrun``, all of which must call
            this; each gets the scores of all, in the order of one process.
        on_progress: Told how far it is.

    Raises:
        NirganError: if there is nothing to compare pixel by pixel, or no picture could be scored.
    """
    records = _scorable(data, split)
    lpips = load_lpips()
    colours = None
    if is_scored("auc", info.task):
        categories = {record.category for record in records}
        colours = ColourScorer(recipe, categories, tile=tile, classify=load_classifier())
    rank, world = this_process() if shared else (0, 1)
    share, rows = records[rank::world], list[PictureScores | Failure]()
    start = time.perf_counter()
    for record in share:
        on_progress(len(rows), len(share))
        try:
            sample = data.sample(record)
            rows.append(score_sample(sample, recipe, info, tile=tile, ensemble=ensemble, lpips=lpips, colours=colours))
        except NirganError as error:
            logger.debug("%s: not scored", record.key, exc_info=True)
            rows.append(Failure(str(record.path), str(error)))
    on_progress(len(rows), len(share))
    if shared:
        rows = gather(rows)
    pictures = [row for row in rows if isinstance(row, PictureScores)]
    failed = [row for row in rows if isinstance(row, Failure)]
    if not pictures:
        raise NirganError(f"none of {len(records)} pictures could be scored, first: {failed[0].error}")
    notes = colours.notes if colours is not None else []
    return Evaluation(_rebalanced(pictures), failed, time.perf_counter() - start, info.task, notes)


def score_sample(
    sample: Sample,
    recipe: Recipe,
    info: WeightsInfo,
    *,
    tile: Tile = "auto",
    ensemble: int = 1,
    lpips: Score | None = None,
    colours: ColourScorer | None = None,
) -> PictureScores:
    """Score one picture: the model and each baseline; with ``colours`` their colours, too, as far as one picture tells.

    Raises:
        NirganError: as ``translate_source``, or if output and truth differ in size.
    """
    if sample.target is None:
        raise NirganError(f"{sample.path}: has no truth to compare with")
    told = sample_conditions(recipe, sample)
    output = translate_source(recipe, sample.source, told, tile=tile, ensemble=ensemble).cpu()
    outputs: dict[str, Tensor] = {"model": output, "copy": copy_source(sample.source, info.task)}
    if info.lookup is not None:
        outputs["lookup"] = apply_lookup(info.lookup, sample.source)
    methods = {name: score_picture(picture, sample.target, lpips=lpips) for name, picture in outputs.items()}
    by_colour = None
    if colours is not None:
        found, by_colour = colours.score(sample, outputs)
        methods = {name: {**methods.get(name, {}), **scores} for name, scores in found.items()}
    dark = dark_share(to_8_bit(output)[None], to_8_bit(sample.target)[None])
    return PictureScores(
        key=sample.key,
        category=sample.category,
        methods=methods,
        dark_share=float(dark),
        by_colour=by_colour,
    )


def _rebalanced(pictures: list[PictureScores]) -> list[PictureScores]:
    """Add ``auc_rebalanced``, which takes all pictures of the set, where colours were scored."""
    held = [picture.by_colour for picture in pictures if picture.by_colour is not None]
    if not held:
        return pictures
    scores, weights = rebalance(held)
    return [_completed(*added) for added in zip(pictures, scores, weights, strict=True)]


def _completed(picture: PictureScores, scores: Scores, weight: float) -> PictureScores:
    added = {name: {**picture.methods[name], "auc_rebalanced": score} for name, score in scores.items()}
    weights = {**picture.weights, "auc_rebalanced": weight}
    return replace(picture, methods={**picture.methods, **added}, weights=weights, by_colour=None)


def _scorable(data: Data, split: str) -> list[Record]:
    if data.pairing != Pairing.REGISTERED:
        align = "align it first (nirgan data align DIR --out DIR2), or " if data.pairing == Pairing.UNREGISTERED else ""
        raise NirganError(
            f"scores compare pixel with pixel, and this data is {data.pairing}: {align}say --pairing registered if "
            "pixel (x, y) is the same point in both pictures"
        )
    records = data.records(split)
    if not records:
        sizes = ", ".join(f"{len(data.records(name))} {name}" for name in ("train", "val", "test"))
        raise NirganError(f"no pictures in the split '{split}' ({sizes}); choose another with --split")
    return records
