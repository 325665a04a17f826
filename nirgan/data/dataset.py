"""The training set: one random crop per key, the same on every machine, worker and resume."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np
import torch

from nirgan.config.schema import Augmentation
from nirgan.data.augment import Augment, resize
from nirgan.data.cache import PictureCache
from nirgan.data.convert import to_unit
from nirgan.data.disk_cache import DiskCache, Prepared
from nirgan.data.files import Picture
from nirgan.data.index import Data, Record
from nirgan.data.pictures import (
    Side,
    lightness_of,
    prepare_source,
    prepare_target,
    read_side,
    scale_of,
)
from nirgan.data.sample import LABEL, Pairing, Sample, SampleKey
from nirgan.data.sizes import Fitting, Size, check_sizes, sixteens, target_scale
from nirgan.data.window import Window, scaled
from nirgan.errors import NirganError

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
_SHARED, _SOURCE, _TARGET, _PHOTOMETRY, _VISIBLE = range(5)


class TrainingSet:
    """Crops of the records of one split, by ``SampleKey``.

    All randomness of a sample comes from (run seed, epoch, source, target): no worker, process or earlier sample has a
    say. A registered pair is cut and flipped alike; an unregistered one is flipped alike, and each side cut at its own
    scale around the same relative point (``window``); unpaired pictures are cut and flipped apart. An unreadable file
    is replaced by the next record that can be read, and named in ``failed``. Pictures come from memory, else from the
    disk cache, else from their files. Pickles without what is in memory, so that workers may be spawned.

    With a ``training_size``, the short side at which a recipe learns, a crop shows what it would of a picture of that
    size: a larger square is cut and reduced, or a smaller one enlarged, so that no picture is too small. Where there is
    none and some are, ``fitting`` says what crop to advise.

    Attributes:
        sources: Records that a key's ``source`` counts.
        targets: Records that a key's ``target`` counts.
        failed: What went wrong, by record key and side, since ``take_failed`` was last called.
    """

    def __init__(
        self,
        data: Data,
        *,
        crop: int,
        augment: Augmentation,
        seed: int,
        cache_mb: float,
        disk: DiskCache | None = None,
        split: str = "train",
        training_size: int | None = None,
        fitting: Fitting = sixteens,
    ) -> None:
        self.data = data
        self.crop = crop
        self.training_size = training_size
        self.seed = seed
        self.cache_mb = cache_mb
        self.sources = data.sources(split)
        self.targets = data.targets(split)
        if not self.sources or not self.targets:
            side = "source" if not self.sources else "target"
            raise NirganError(f"the split '{split}' holds no {side} pictures ({'; '.join(data.layouts)})")
        self._least = crop if training_size is None else 1  # side of a picture that a crop can be cut from
        check_sizes(data.records(), self._least, fitting)
        self._paired = self.sources == self.targets
        self.failed: list[str] = []
        self._augment = Augment(augment)
        self._cache = PictureCache(cache_mb)
        self._disk = disk
        self._broken: dict[tuple[str, Side], str] = {}
        self._scales: dict[tuple[str, Side], float] = {}  # of the pictures that were checked
        self._target_scales: dict[str, float] = {}

    def augmented(self, augment: Augmentation) -> TrainingSet:
        """The same set with other augmentation; sizes of files were looked at, and are not again."""
        other = copy(self)
        other._augment, other.failed = Augment(augment), []
        return other

    def share_cache(self, workers: int) -> None:
        """Keep only a worker's part of the memory limit."""
        self._cache = PictureCache(self.cache_mb / max(1, workers))

    def take_failed(self) -> list[str]:
        """What went wrong since the last call, each ``file: why`` once."""
        failed, self.failed = list(dict.fromkeys(self.failed)), []
        return failed

    def __getitem__(self, key: SampleKey) -> Sample:
        """Cut, augment and convert the sample of a key: source and target are both crop × crop.

        Raises:
            NirganError: if no record of the set can be read, or the view cannot be served from this data.
        """
        self._check_view(key.view)
        if key.view == "unpaired":
            source_record, source = self._readable(self.sources, key.source, ("source",))
            target_record, target = self._readable(self.targets, key.target, ("target",))
            return self._sample(key, source_record, source[0], target_record, target[0])
        sides: tuple[Side, ...] = ("target",) if self.data.task == "gray2rgb" else ("source", "target")
        record, pictures = self._readable(self.sources, key.source, sides)
        return self._sample(key, record, pictures[0], record, pictures[-1])

    def _check_view(self, view: str) -> None:
        if view not in ("image", "unpaired"):
            raise NirganError(f"view '{view}': a training set of pictures serves 'image' and 'unpaired'")
        if view == "image" and not self._paired:
            raise NirganError(
                f"view 'image' needs pairs, and these are {len(self.sources)} sources and {len(self.targets)} targets "
                "without partners; choose a model that trains on unpaired data"
            )

    def _sample(
        self, key: SampleKey, record: Record, source: Picture, target_record: Record, target: Picture
    ) -> Sample:
        together = key.view != "unpaired"
        target_random = self._random(key, _SHARED if together else _TARGET)
        source_random = self._random(key, _SHARED if together else _SOURCE)
        scale = self._target_scale(target_record)
        source_window = self._window(source, source_random)
        target_window = self._window(target, target_random, scale)
        if together and record.pairing == Pairing.UNREGISTERED:
            target_window = source_window.seen_by(_size(source), _size(target), scale)
        target_crop = _channels_first(self._cut(target_record, target, target_window, target_random))
        if self.data.task == "gray2rgb" and together:
            source_crop = _lightness(target_crop)
        else:
            source_crop = self._cut(record, source, source_window, source_random)
            if self.data.task == "gray2rgb":
                source_crop = _lightness(_channels_first(source_crop))
        if self._augment.visible:
            source_crop = self._leaked(key, record, source_crop, target_crop)
        source_crop = self._augment.photometry(source_crop, self._random(key, _PHOTOMETRY))
        return Sample(
            source=torch.from_numpy(_channels_first(source_crop)),
            target=torch.from_numpy(target_crop),
            pairing=record.pairing if together else Pairing.UNPAIRED,
            key=record.key,
            path=record.path,
            full_scale=self._scales.get((record.key, "source"), 1.0),
            category=record.category,
            extras={LABEL: record.category},
        )

    def _cut(self, record: Record, picture: Picture, window: Window, random: np.random.Generator) -> Array:
        """A part of a prepared picture as (crop, crop, C) float32 in [0, 1], flipped and turned."""
        return self._augment.geometry(resize(to_unit(window.of(picture), record.path), self.crop), random)

    def _leaked(self, key: SampleKey, record: Record, source: Array, target: Array) -> Array:
        computed = self.data.task == "gray2rgb"  # from the target itself
        if key.view == "unpaired" or not (computed or record.pairing == Pairing.REGISTERED):
            raise NirganError(
                f"{record.key}: dataset.augment.visible mixes a pair's target into its source, so it is for registered "
                "pairs that are trained on as such: set it to 0"
            )
        return self._augment.leak(source, np.moveaxis(target, 0, -1), self._random(key, _VISIBLE))

    def _window(self, picture: Picture, random: np.random.Generator, scale: float = 1.0) -> Window:
        """A random square of a picture whose pixels are ``scale`` to one of the sources'."""
        size = _size(picture)
        short_side = int(min(size) / scale)
        side = scaled(self._augment.side(self._native_crop(short_side), short_side, random), scale, size)
        down, right = random.random(2)
        return Window.at(size, side, down, right)

    def _native_crop(self, short_side: int) -> int:
        """Side of the square in a picture of so many pixels that becomes a crop."""
        if self.training_size is None:
            return self.crop
        return min(short_side, max(1, round(self.crop * short_side / self.training_size)))

    def _target_scale(self, record: Record) -> float:
        if record.key not in self._target_scales:
            try:
                self._target_scales[record.key] = target_scale(record)
            except NirganError:  # of its partner, which is named when its turn comes
                self._target_scales[record.key] = 1.0
        return self._target_scales[record.key]

    def _random(self, key: SampleKey, use: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, use, key.epoch, key.source, key.target])

    def _readable(
        self, records: Sequence[Record], index: int, sides: Sequence[Side]
    ) -> tuple[Record, tuple[Picture, ...]]:
        for offset in range(len(records)):
            record = records[(index + offset) % len(records)]
            try:
                return record, tuple(self._picture(record, side) for side in sides)
            except NirganError as error:
                self.failed.append(str(error))
        raise NirganError(f"none of the {len(records)} training pictures can be read; the first: {self.failed[0]}")

    def _picture(self, record: Record, side: Side) -> Picture:
        if self.data.task == "gray2rgb":
            side = "target"
        key = (record.key, side)
        if key in self._broken:
            raise NirganError(self._broken[key])
        try:
            return self._cache.get(key, lambda: self._read(record, side))
        except NirganError as error:
            self._broken[key] = str(error)
            raise

    def _read(self, record: Record, side: Side) -> Picture:
        picture, self._scales[record.key, side] = self._prepared(record, side)
        height, width = _size(picture)
        needed = round(self._least * self._target_scale(record)) if side == "target" else self._least
        if min(height, width) < needed:
            raise NirganError(f"{record.path}: {width}×{height} is smaller than the crop of {needed}")
        return picture

    def _prepared(self, record: Record, side: Side) -> Prepared:
        if self._disk is None:
            return self._prepare(record, side)
        return self._disk.prepared(self.data, record, side, partial(self._prepare, record, side))

    def _prepare(self, record: Record, side: Side) -> Prepared:
        """Read and, the first time, check the whole picture: what evaluation refuses, no crop shall let pass."""
        picture = read_side(self.data, record, side)
        prepare = prepare_source if side == "source" else prepare_target
        ready = prepare(self.data, record, picture, checked=(record.key, side) in self._scales)
        return Prepared(ready, scale_of(self.data, side, picture))


def _size(picture: Picture) -> Size:
    height, width = picture.pixels.shape[:2]
    return height, width


def _lightness(target: Array) -> Array:
    """(H, W, 1) of a crop (3, H, W)."""
    return lightness_of(target).transpose(1, 2, 0)


def _channels_first(picture: Array) -> Array:
    return np.ascontiguousarray(picture.transpose(2, 0, 1))
