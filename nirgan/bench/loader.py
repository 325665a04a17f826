"""The data layer: crops from memory, a disk cache, shards and files, beside a loader that decodes on each access."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import torch
import torchvision.transforms.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import RandomCrop

from nirgan.bench.turns import clocked, enough_times, rate, take_turns, times_as_fast
from nirgan.config import RunConfig
from nirgan.data.contents import shard_of
from nirgan.data.index import Data
from nirgan.data.open import open_data
from nirgan.data.shards.write import write_shards
from nirgan.errors import NirganError
from nirgan.models.recipe import At, Stage
from nirgan.training.batches import TrainingBatches
from nirgan.training.runtime import Runtime

WORKERS = (0, 1, 2)
"""Processes that read, each number measured by itself, and that of the settings besides."""
_FAR = 2**40
_FILLING = 8
"""Epochs until each of several workers has had nearly every picture, and keeps it."""


class DecodeOnAccess(Dataset[dict[str, Tensor]]):
    """Pairs as common codes load them: both files opened on each access by Pillow, one crop and flip by torchvision.

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
        rgb = _opened(self._targets[index], "RGB")
        nir = rgb.convert("L") if self._gray else _opened(self._sources[index], "L")
        place = RandomCrop.get_params(rgb, (self._crop, self._crop))
        cuts = [F.crop(picture, *place) for picture in (nir, rgb)]
        if torch.rand(()) < 0.5:
            cuts = [F.hflip(cut) for cut in cuts]
        source, target = map(F.to_tensor, cuts)
        return {"source": source, "target": target}


def _opened(path: Path, mode: str) -> Image.Image:
    with Image.open(path) as file:
        return file.convert(mode)


def measure_loader(
    config: RunConfig, data: Data, runtime: Runtime, stage: Stage, rounds: int, folder: Path
) -> dict[str, Any]:
    """Images a second of nirgan's data layer, wherever its pictures come from, and of the conventional loader.

    Args:
        config: Batch, crop and augmentation; its data are one folder.
        data: Pairs of 8-bit files from there.
        runtime: As training has it.
        stage: Whose view is served.
        rounds: Measurements of each.
        folder: For the disk cache and the shards.

    Raises:
        NirganError: for data that the conventional loader cannot read.
    """
    _check(config, data, stage.batch_size or config.batch_size)
    failed: dict[str, str] = {}
    places = {"memory": data, "disk cache": data}
    try:
        places["shards"] = as_shards(config, data, folder / "shards")
    except NirganError as error:  # webdataset is an extra
        failed["shards"] = str(error)
    places["files"] = data
    measured = []
    for workers in sorted({*WORKERS, config.workers}):
        settings = config.model_copy(update={"workers": workers})
        streams = {
            way: nirgan_stream(settings, place, runtime, stage, way=way, folder=folder / "cache")
            for way, place in places.items()
        }
        measured.append({"workers": workers, **_measure(settings, data, stage, streams, rounds)})
    return {"pictures": len(data.records("train")), "measured": measured, "failed": failed}


def _check(config: RunConfig, data: Data, images: int) -> None:
    records = data.records("train")
    if len(records) < images:
        raise NirganError(f"{config.data[0]}: {len(records)} pairs to train on are no batch of {images}")
    for record in records:
        two_sides = record.has_target and (data.task == "gray2rgb" or record.source is not None)
        if record.region != "whole" or not two_sides or shard_of(record.path):
            raise NirganError(
                f"{record.path}: to be compared, each side of a pair must be a file of its own in a folder"
            )


def as_shards(config: RunConfig, data: Data, folder: Path) -> Data:
    """The same data in shards; raises NirganError where they cannot be written."""
    write_shards(config.data[0], folder)
    return open_data([str(folder)], task=data.task, pairing=str(data.pairing), val_share=0.0, test_share=0.0)


def _measure(
    config: RunConfig, data: Data, stage: Stage, streams: dict[str, Iterator[Any]], rounds: int
) -> dict[str, Any]:
    images = stage.batch_size or config.batch_size
    epoch = -(-len(data.records("train")) // images)
    _drop(streams["memory"], epoch * (_FILLING if config.workers else 2))
    _drop(streams["disk cache"], 2 * epoch)  # what is left over at the end of one epoch comes in the next
    every = {**streams, "conventional": conventional_stream(config, data, images)}
    ahead = 2 * config.workers  # batches that wait when a side's turn comes: they were not made in its time
    sides = {}
    for name, stream in every.items():
        timed = partial(clocked, partial(next, stream), before=partial(_drop, stream, ahead))
        sides[name] = timed(batches_in_a_turn(timed(ahead + 1)(), config.workers))
    seconds = take_turns(sides, rounds)
    return {
        "images_per_s": {name: rate(values, images) for name, values in seconds.items()},
        "times_as_fast": {name: times_as_fast(seconds[name], seconds["conventional"]) for name in streams},
    }


def batches_in_a_turn(seconds: float, workers: int) -> int:
    """How many batches of so many seconds are timed together.

    Workers that began together end together, so that the second batch seems to take no time: several of each count.
    """
    return max(enough_times(seconds), 4 * workers)


def _drop(stream: Iterator[Any], count: int) -> None:
    for _ in islice(stream, count):
        pass


def nirgan_stream(
    config: RunConfig, data: Data, runtime: Runtime, stage: Stage, *, way: str, folder: Path
) -> Iterator[dict[str, Any]]:
    """The batches of a training without end, with what is decoded kept in ``memory``, in the ``disk cache``, or not."""
    kept: dict[str, Any] = {"cache_mb": config.dataset.cache_mb if way == "memory" else 0}
    kept["disk_cache"] = str(folder) if way == "disk cache" else None
    dataset = config.dataset.model_copy(update=kept)
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
