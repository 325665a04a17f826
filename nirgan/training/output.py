"""What a run writes: numbers, scores, sample grids, checkpoints; the best is chosen here."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from nirgan.metrics import is_better
from nirgan.models.recipe import Recipe
from nirgan.models.weights import WeightsInfo
from nirgan.monitoring.log import RunLog
from nirgan.training.checkpoint import Checkpoints
from nirgan.training.trouble import Look, NormGap, Watch
from nirgan.training.validate import Judge, Previews

logger = logging.getLogger(__name__)


@dataclass
class Best:
    """The best validation of the run, that of the present stage, and for how many validations the latter has stood."""

    metric: str = "psnr"
    patience: int = 0
    score: float = math.nan
    stage_score: float = math.nan
    stale: int = 0

    def take(self, score: float) -> bool:
        """Whether this score is the new best."""
        if is_better(self.metric, score, self.stage_score):
            self.stage_score, self.stale = score, 0
        else:
            self.stale += 1
        if not is_better(self.metric, score, self.score):
            return False
        self.score = score
        return True

    def begin_stage(self) -> None:
        """Be patient again: a new stage may have to make up for networks that it started with."""
        self.stage_score, self.stale = math.nan, 0


class Output:
    """Everything a run writes while it trains; on processes that do not lead, nothing is written.

    Args:
        info: What the weights say about themselves, but for the step.
        checkpoints: None where nothing is written.
        log: None where nothing is written.
        judge: Scores; None skips validation, and the best checkpoint is the last.
        previews: Sample grids; None draws none.
        norm_gap: Measured at validations, or at sample grids where there are none; None for recipes without batch norm.
        best: The metric that chooses, and patience.

    Attributes:
        scores: The last validation's.
        watch: Says trouble with the training.
    """

    def __init__(
        self,
        info: WeightsInfo,
        *,
        checkpoints: Checkpoints | None = None,
        log: RunLog | None = None,
        judge: Judge | None = None,
        previews: Previews | None = None,
        norm_gap: NormGap | None = None,
        best: Best | None = None,
    ) -> None:
        self._info, self._checkpoints, self._log = info, checkpoints, log
        self.judge, self.previews = judge, previews
        self._norm_gap = norm_gap
        self._best = best or Best()
        self.watch = Watch()
        self.scores: dict[str, float] = {}

    @property
    def exhausted(self) -> bool:
        """Whether as many validations of the stage as patience allows were no better."""
        return 0 < self._best.patience <= self._best.stale

    def begin_stage(self) -> None:
        """Be patient with a stage that begins."""
        self._best.begin_stage()

    def give_up_beyond(self, step: int) -> None:
        """Forget a best that comes after a step which the run will not pass any more: what was saved last stands in."""
        if self._checkpoints is not None and self._checkpoints.drop_best_beyond(step):
            self._best.score = math.nan

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Log numbers by tag."""
        if self._log is not None:
            self._log.add(step, values)

    def validate(self, recipe: Recipe, step: int) -> None:
        """Score the recipe as it is, log that, keep the weights if they are the best; every process takes part."""
        if self.judge is None:
            return
        self.scores = self.judge.scores()
        self.numbers(step, {f"val/{name}": value for name, value in self.scores.items()})
        logger.info("step %d  %s", step, "  ".join(f"val/{name} {value:.4g}" for name, value in self.scores.items()))
        self._look_for_trouble(step, self.judge.looks)
        if self._best.take(self.scores.get(self._best.metric, math.nan)) and self._checkpoints is not None:
            self._checkpoints.save_best(weights_of(recipe), self._info_at(step))
        if self.exhausted:
            logger.info("ends early: %s did not improve in %d validations", self._best.metric, self._best.stale)

    def draw(self, step: int) -> None:
        """Draw sample grids with the recipe as it is, for TensorBoard and ``samples``; every process takes part."""
        if self.previews is None:
            return
        if self._log is not None:
            grids = self.previews.draw()
            for split, grid in grids.items():
                self._log.add_picture(step, f"samples/{split}", grid)
            if grids:
                self._log.save_picture(step, grids.get("val", next(iter(grids.values()))))
        if self.judge is None:  # else validation looks at more pictures
            self._look_for_trouble(step, self.previews.looks)

    def _look_for_trouble(self, step: int, looks: Sequence[Look]) -> None:
        self.watch.pictures(step, looks)
        if self._norm_gap is not None:
            # On every process: synchronised batch norm needs them all.
            self.watch.norms(step, self._norm_gap.measure())

    def save(self, recipe: Recipe, state: Mapping[str, Any]) -> None:
        """Write a checkpoint of the recipe as it is, with the training state."""
        if self._checkpoints is None:
            return
        weights, info = weights_of(recipe), self._info_at(state["step"])
        if self.judge is None or math.isnan(self._best.score):  # nothing to choose by
            self._checkpoints.save_best(weights, info)
        self._checkpoints.save_last(weights, info, dict(state))  # at last: who dies before comes by again

    def _info_at(self, step: int) -> WeightsInfo:
        return self._info.model_copy(update={"step": step})

    def state_dict(self) -> dict[str, Any]:
        """Best score, last scores, what is known of troubles, the lookup table, how long the log's files are."""
        best = self._best
        return {
            "best": {"score": best.score, "stage_score": best.stage_score, "stale": best.stale},
            "scores": dict(self.scores),
            "watch": self.watch.state_dict(),
            "lookup": self._info.lookup or [],
            "log": {} if self._log is None else self._log.lengths(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put the scores back; table and lengths were used when this object and its log were made."""
        best = state["best"]
        self._best.score, self._best.stale = best["score"], best["stale"]
        self._best.stage_score = best.get("stage_score", best["score"])  # runs begun before it was kept have one stage
        self.scores = dict(state["scores"])
        if "watch" in state:  # runs begun before there was one go on without
            self.watch.load_state_dict(state["watch"])


def weights_of(recipe: Recipe) -> dict[str, Tensor]:
    """What prediction needs of a recipe's state."""
    state = recipe.state_dict()
    return {name: state[name] for name in recipe.weight_names()}
