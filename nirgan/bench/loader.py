"""The data layer: crops from decoded pictures in memory and from files, beside a loader that decodes on each access."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nirgan.bench.turns import clocked, enough_times, rate, take_turns, times_as_fast
from nirgan.config import RunConfig
from nirgan.data.index import Data
from nirgan.models.recipe import At, Stage
from nirgan.training.batches import TrainingBatches
from nirgan.training.runtime import Runtime

_FAR = 2**40


class DecodeOnAccess(Dataset[dict[str, Tensor]]):
    """Pairs as common codes load them: both files decoded on each access, one crop and flip for the two.

    Args:
        sources: NIR files.
        targets: Colour files of the same order; with the task ``gray2rgb`` they give the source, too.
        crop: Side of the crops.
        gray: Whether the task is ``gray2rgb``.
    """

    def __init__(self, sources: list[Path], targets: list[Path], crop: int, *, gray: bool) -> None:
        self._sources, self._targets, self._crop, self._gray = sources, targets, crop, gray

    def __len__(self) -> int:
        return len(self._targets)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """``source`` (1,H,W) and ``target`` (3,H,W), float32 in [0, 1]."""
        rgb = cv2.cvtColor(cv2.imread(str(self._targets[index])), cv2.COLOR_BGR2RGB)
        if self._gray:
            nir = cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[..., :1]
        else:
            levels: Any = cv2.imread(str(self._sources[index]), cv2.IMREAD_GRAYSCALE)
            nir = levels[..., None]
        top, left = (random.randint(0, size - self._crop) for size in rgb.shape[:2])
        flip = -1 if random.random() < 0.5 else 1
        cuts = (p[top : top + self._crop, left : left + self._crop][:, ::flip].transpose(2, 0, 1) for p in (nir, rgb))
        source, target = (torch.from_numpy(np.ascontiguousarray(cut)).float() / 255 for cut in cuts)
        return {"source": source, "target": target}


def measure_loader(config: RunConfig, data: Data, runtime: Runtime, stage: Stage, rounds: int) -> dict[str, Any]:
    """Images a second of nirgan's data layer with and without its cache, and of the conventional loader.

    Args:
        config: Batch, crop, augmentation and workers.
        data: Pairs of 8-bit files, a multiple of the batch.
        runtime: As training has it.
        stage: Whose view is served.
        rounds: Measurements of each.
    """
    images = stage.batch_size or config.batch_size
    streams: dict[str, Iterator[Any]] = {
        "cached": nirgan_stream(config, data, runtime, stage, cached=True),
        "uncached": nirgan_stream(config, data, runtime, stage, cached=False),
        "conventional": conventional_stream(config, data, images),
    }
    for _ in range(-(-len(data.records("train")) // images)):  # an epoch fills the cache and starts the workers
        next(streams["cached"])
    serve = {name: partial(next, stream) for name, stream in streams.items()}
    for work in serve.values():
        work()
    sides = {name: clocked(work, enough_times(clocked(work)())) for name, work in serve.items()}
    seconds = take_turns(sides, rounds)
    return {
        "pictures": len(data.records("train")),
        "workers": config.workers,
        "images_per_s": {name: rate(values, images) for name, values in seconds.items()},
        "times_as_fast": {
            name: times_as_fast(seconds[name], seconds["conventional"]) for name in ("cached", "uncached")
        },
    }


def nirgan_stream(
    config: RunConfig, data: Data, runtime: Runtime, stage: Stage, *, cached: bool
) -> Iterator[dict[str, Any]]:
    """The batches of a training without end."""
    dataset = config.dataset if cached else config.dataset.model_copy(update={"cache_mb": 0})
    batches = TrainingBatches(data, config.model_copy(update={"dataset": dataset}), runtime)
    generator = torch.Generator(runtime.device)

    def view(step: int) -> str:
        return stage.view_at(At(step, 0, step, 0.0, stage.name, generator))

    plan = batches.plan(stage.batch_size or config.batch_size)
    return iter(batches.serve(plan, 0, _FAR, view))


def conventional_stream(config: RunConfig, data: Data, batch_size: int) -> Iterator[dict[str, Tensor]]:
    """Epoch after epoch of ``DecodeOnAccess`` in a plain ``DataLoader``."""
    targets = [record.target for record in data.targets("train") if record.target is not None]
    sources = [record.source for record in data.sources("train") if record.source is not None]
    pairs = DecodeOnAccess(sources, targets, config.crop, gray=data.task == "gray2rgb")
    loader = DataLoader(
        pairs,
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
    )
    return chain.from_iterable(repeat(loader))
