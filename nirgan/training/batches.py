"""The data layer's loader as the trainer sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from nirgan.config.schema import DataSettings, RunConfig
from nirgan.data.dataset import TrainingSet
from nirgan.data.disk_cache import DiskCache
from nirgan.data.index import Data
from nirgan.data.loader import StepPlan, make_loader
from nirgan.data.places import expanded
from nirgan.data.sample import collate
from nirgan.models import recipe_class
from nirgan.models.crops import largest_crop
from nirgan.training.runtime import Runtime


class TrainingBatches:
    """Batches of the training split for one process.

    Args:
        data: Read from.
        config: Crop, augmentation, cache, accumulation, workers and seed.
        runtime: Which process of how many.
        training_size: Short side of the pictures that crops are cut from; None leaves them.
    """

    def __init__(self, data: Data, config: RunConfig, runtime: Runtime, *, training_size: int | None = None) -> None:
        settings = config.dataset
        self._set = TrainingSet(
            data,
            crop=config.crop,
            augment=settings.augment,
            seed=config.seed,
            cache_mb=settings.cache_mb,
            disk=_disk_cache(settings, runtime),
            training_size=training_size,
            fitting=partial(largest_crop, recipe_class(config.model, config.options), options=config.options),
        )
        self._config, self._runtime = config, runtime

    def plan(self, batch_size: int) -> StepPlan:
        """The samples of every step at a batch size."""
        return StepPlan(
            sources=len(self._set.sources),
            targets=len(self._set.targets),
            batch_size=batch_size,
            world=self._runtime.world,
            accumulate=self._config.accumulate,
            seed=self._config.seed,
        )

    def first_crops(self, count: int, view: str) -> dict[str, Any]:
        """A batch of the same so many crops, whenever it is asked for; read here, whatever the number of workers."""
        plan = StepPlan(len(self._set.sources), len(self._set.targets), batch_size=count, seed=self._config.seed)
        batch = collate([self._set[key] for key in plan.keys(0, 0, 0, view)], view)
        self._set.take_failed()  # training names them when their turn comes
        return batch

    def serve(self, plan: StepPlan, start: int, stop: int, view: Callable[[int], str]) -> Iterable[dict[str, Any]]:
        """Micro-batches of the steps from ``start`` to before ``stop``, in order."""
        return make_loader(
            self._set,
            plan,
            rank=self._runtime.rank,
            start_step=start,
            stop_step=stop,
            view=view,
            workers=self._config.workers,
            device=self._runtime.device,
        )


def _disk_cache(settings: DataSettings, runtime: Runtime) -> DiskCache | None:
    if not settings.disk_cache:
        return None
    return DiskCache(expanded(settings.disk_cache), settings.disk_cache_mb, tidy=runtime.lead)
