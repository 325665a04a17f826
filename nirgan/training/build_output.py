"""Put together what a run writes, as its settings say."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nirgan.config import RunConfig
from nirgan.data.index import Data, Record
from nirgan.data.lookup import lookup_table
from nirgan.data.sample import Pairing
from nirgan.data.sizes import may_be_compared
from nirgan.models.recipe import Recipe
from nirgan.models.weights import WeightsInfo, describe
from nirgan.monitoring.log import RunLog
from nirgan.training.batches import TrainingBatches
from nirgan.training.checkpoint import Checkpoints
from nirgan.training.checks import declared_full_scale
from nirgan.training.output import Best, Output
from nirgan.training.runtime import Runtime
from nirgan.training.trouble import NormGap, has_batch_norm
from nirgan.training.validate import SampleGrids, Validator, evenly_spread

logger = logging.getLogger(__name__)


def build_output(
    config: RunConfig,
    recipe: Recipe,
    data: Data,
    batches: TrainingBatches | None,
    runtime: Runtime,
    *,
    run: Path | None,
    checkpoints: Checkpoints | None,
    before: Mapping[str, Any],
) -> Output:
    """What a run writes.

    Args:
        config: The run's.
        recipe: On its device.
        data: To validate on and to draw.
        batches: None for a recipe that is prepared, not trained.
        runtime: The processes.
        run: The run's folder; None on processes that write nothing.
        checkpoints: The same.
        before: State of the output of a run that goes on; empty for a new one.
    """
    scored = evenly_spread(_comparable(data), config.validation.images) if config.validation.every_steps else []
    if not scored and config.validation.every_steps:
        logger.info("no validation: the split has no pairs for it to compare, so the best checkpoint is the last")
    if scored and data.pairing != Pairing.REGISTERED:
        logger.info("scores compare pixels, and these pairs are not registered: trust their trend alone")
    shown_records = {
        split: evenly_spread(data.pairs(split) or data.sources(split), config.logging.samples)
        for split in ("val", "train")
    }
    return Output(
        _info(config, recipe, data, before.get("lookup"), lead=runtime.lead),
        checkpoints=checkpoints,
        log=None if run is None else RunLog(run, before.get("log")),
        judge=Validator(recipe, data, scored, runtime) if scored else None,
        previews=SampleGrids(recipe, data, shown_records) if config.logging.samples_every_steps else None,
        norm_gap=None if batches is None else _norm_gap(config, recipe, data, batches),
        best=Best(config.validation.metric_for(data.task), config.validation.patience),
    )


def _comparable(data: Data) -> list[Record]:
    """Validation pairs of one size; those of two cameras may have two, and then no pixels to compare."""
    pairs = data.pairs("val")
    kept = [record for record in pairs if may_be_compared(record)]
    if len(kept) < len(pairs):
        logger.info("validation leaves out %d pairs of two sizes: align them to score them", len(pairs) - len(kept))
    return kept


def _info(
    config: RunConfig, recipe: Recipe, data: Data, lookup: list[list[float]] | None, *, lead: bool
) -> WeightsInfo:
    return describe(
        config.model,
        recipe,
        full_scale=declared_full_scale(data) if lead else None,
        band=data.source_band,
        wavelength=data.wavelength,
        lookup=lookup or (lookup_table(data) if lead else None),
    )


def _norm_gap(config: RunConfig, recipe: Recipe, data: Data, batches: TrainingBatches) -> NormGap | None:
    if not has_batch_norm(recipe) or config.crop % recipe.stride:  # `predict` takes whole strides
        return None
    paired = data.pairing == Pairing.REGISTERED
    crops = partial(batches.first_crops, view="image" if paired else "unpaired")
    return NormGap(recipe, crops, batch_size=config.batch_size, paired=paired)
