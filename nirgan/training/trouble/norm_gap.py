"""Whether batch norm's running statistics fit: a network must answer alike with them and with its batch's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nirgan.inference.conditions import resolve_conditions
from nirgan.layers.noise import batch_statistics
from nirgan.models.recipe import Recipe

CROPS = 8
"""Crops to look at, as far as whole batches allow."""
WORSE, WORSE_BY = 1.5, 0.03
"""L1 to the target with running statistics, against that with the batch's: so many times, and so much more."""
APART = 0.25
"""Mean difference of the outputs where there is no target to tell which are right; 0.1 is usual in small batches."""


@dataclass(frozen=True)
class Gap:
    """Outputs in [0, 1] with running statistics (as translated) against outputs with the batch's own (as trained).

    Attributes:
        difference: Mean absolute difference between the two.
        running: L1 to the target with running statistics; None without registered targets.
        batch: L1 to the target with the batch's own.
    """

    difference: float
    running: float | None = None
    batch: float | None = None

    def words(self) -> str | None:
        """Words if running statistics do not fit, else None."""
        if self.running is not None and self.batch is not None:
            if self.running <= max(WORSE * self.batch, WORSE_BY + self.batch):
                return None
            return (
                f"L1 to the target on training crops is {self.running:.3f} with batch norm's running statistics, as "
                f"pictures are translated, but {self.batch:.3f} with the batch's own, as the networks are trained"
            )
        if self.difference <= APART:
            return None
        return (
            f"outputs for training crops differ by {self.difference:.3f} between batch norm's running statistics, as "
            "pictures are translated, and the batch's own, as the networks are trained"
        )


class NormGap:
    """Measures a recipe's gap on the same few training crops each time; training state is only read.

    Args:
        recipe: With batch norm (see ``has_batch_norm``); in eval mode when measured.
        crops: Gives a batch of so many crops, the same each time: ``source`` and perhaps ``target``.
        batch_size: Of training; the crops are normalised in batches of this size, at most 8.
        paired: Whether targets belong to the sources pixel by pixel.
    """

    def __init__(
        self, recipe: Recipe, crops: Callable[[int], Mapping[str, Any]], *, batch_size: int, paired: bool
    ) -> None:
        self._recipe, self._crops, self._paired = recipe, crops, paired
        self._size = min(batch_size, CROPS)
        self._batch: Mapping[str, Any] | None = None

    @torch.no_grad()
    def measure(self) -> Gap:
        """Translate the crops both ways; the gap is the mean over them."""
        if self._batch is None:
            self._batch = self._crops(self._size * (CROPS // self._size))
        device = next(self._recipe.parameters()).device
        sources = [part.to(device) for part in self._batch["source"].split(self._size)]
        running = torch.cat([self._translated(source) for source in sources])
        with batch_statistics(nn.ModuleList(_collecting(self._recipe))):
            batch = torch.cat([self._translated(source) for source in sources])
        difference = float((running - batch).abs().mean())
        if not self._paired:
            return Gap(difference)
        target = self._batch["target"].to(device)
        return Gap(difference, float((running - target).abs().mean()), float((batch - target).abs().mean()))

    def _translated(self, source: Tensor) -> Tensor:
        recipe = self._recipe
        raw = recipe.predict(source, resolve_conditions(recipe, None))  # crops come at a scale of the recipe's own
        return recipe.compose(source, raw).float()


def has_batch_norm(recipe: Recipe) -> bool:
    """Whether a network that translates normalises by statistics collected in training."""
    return bool(_collecting(recipe))


def _collecting(recipe: Recipe) -> list[nn.Module]:
    """Batch norms of networks that translate and that some phase trains; frozen ones keep what they came with."""
    paths = {path for stage in recipe.stages for phase in stage.phases for path in phase.trains}
    trained = {module for path in paths for module in recipe.network(path).modules()}
    translating = [module for path in recipe.translates_with for module in recipe.network(path).modules()]
    norms = [module for module in translating if isinstance(module, _BatchNorm) and module.track_running_stats]
    return [norm for norm in norms if norm in trained]
