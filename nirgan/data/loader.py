"""Which samples a step trains on, and a loader that serves them in that order from any step on."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, get_worker_info

from nirgan.data.dataset import TrainingSet
from nirgan.data.sample import SampleKey, collate
from nirgan.errors import NirganError

_SOURCES, _TARGETS = 101, 102


@dataclass(frozen=True)
class StepPlan:
    """The samples of every step, computed from the step's number alone.

    A pass is a seeded permutation, and passes follow each other: a step takes the next ``batch_size × world ×
    accumulate`` positions, over the end of a pass into the next, so that each pass serves every sample once. They are
    cut into micro-batches so that one process that accumulates n of them sees what n processes see.

    Attributes:
        sources: Number of sources.
        targets: Number of targets.
        batch_size: Samples per process and micro-batch.
        world: Processes.
        accumulate: Micro-batches per step and process.
        seed: The run's.
    """

    sources: int
    targets: int
    batch_size: int
    world: int = 1
    accumulate: int = 1
    seed: int = 0

    @property
    def length(self) -> int:
        """Positions in one pass: the larger side's size; the smaller side is repeated."""
        return max(self.sources, self.targets)

    @property
    def samples_per_step(self) -> int:
        """Samples of one step over all processes."""
        return self.batch_size * self.world * self.accumulate

    @property
    def steps_per_epoch(self) -> int:
        """Whole steps in one pass, at least one: what people count in; up to a step less than what a pass takes."""
        return max(1, self.length // self.samples_per_step)

    def place(self, step: int) -> tuple[int, int]:
        """Epoch and step in the epoch of a step counted from 0."""
        return divmod(step, self.steps_per_epoch)

    def keys(self, step: int, rank: int, micro: int, view: str) -> list[SampleKey]:
        """Keys of one micro-batch of one process."""
        batch = (step * self.accumulate + micro) * self.world + rank
        first = batch * self.batch_size
        return [self._key(position, view) for position in range(first, first + self.batch_size)]

    def _key(self, position: int, view: str) -> SampleKey:
        number, place = divmod(position, self.length)
        source = int(_permutation(self.length, self.seed, number, _SOURCES)[place]) % self.sources
        if view != "unpaired":
            return SampleKey(view, number, source, source)
        target = int(_permutation(self.length, self.seed, number, _TARGETS)[place]) % self.targets
        return SampleKey(view, number, source, target)


@lru_cache(maxsize=8)
def _permutation(length: int, seed: int, number: int, use: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng([seed, use, number]).permutation(length)


def make_loader(
    dataset: TrainingSet,
    plan: StepPlan,
    *,
    rank: int,
    start_step: int,
    stop_step: int,
    view: Callable[[int], str],
    workers: int,
    device: torch.device | str = "cpu",
    context: str | None = None,
) -> Iterable[dict[str, Any]]:
    """Serve the micro-batches of the steps from ``start_step`` to before ``stop_step``, in order.

    One pass over the loader spans all epochs, so workers live as long as it does. A batch is what ``collate`` makes,
    with ``failed`` besides: a list of ``file: why`` for files that were replaced because they could not be read, empty
    as a rule; the same file is named again whenever its turn comes.

    Args:
        dataset: The training set.
        plan: Which samples each step takes.
        rank: This process.
        start_step: First step.
        stop_step: One past the last.
        view: Name of the view by step.
        workers: Processes that read; 0 reads here.
        device: Where batches will go; memory is pinned for ``cuda``.
        context: Start method of the workers (``fork``, ``spawn``); None takes the platform's.

    Raises:
        NirganError: while it serves, if no record can be read, or the view cannot be served from this data.
    """
    settings: dict[str, Any] = {}
    if workers:
        settings = {
            "prefetch_factor": 2,
            "worker_init_fn": _start_worker,
            "multiprocessing_context": context,
        }
    else:
        dataset.share_cache(1)
    loader: DataLoader[dict[str, Any]] = DataLoader(
        _Batches(dataset),  # type: ignore[arg-type]  # map-style: only __getitem__ is used
        batch_size=None,
        sampler=_Steps(plan, rank, start_step, stop_step, view),
        num_workers=workers,
        collate_fn=_as_is,  # type: ignore[arg-type]  # each item is a batch already
        pin_memory=torch.device(device).type == "cuda",
        **settings,
    )
    return _Served(loader)


class _Served:
    """Raises here what a worker refused: raised there, it would come with the worker's traceback in its words."""

    def __init__(self, batches: Iterable[dict[str, Any]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(_checked, iter(self._batches))


def _checked(batch: dict[str, Any]) -> dict[str, Any]:
    if "refused" in batch:
        raise NirganError(batch["refused"])
    return batch


class _Steps:
    """Keys of each micro-batch in turn, computed as they are asked for."""

    def __init__(self, plan: StepPlan, rank: int, start: int, stop: int, view: Callable[[int], str]) -> None:
        self.plan, self.rank, self.start, self.stop, self.view = plan, rank, start, stop, view

    def __iter__(self) -> Iterator[list[SampleKey]]:
        for step in range(self.start, self.stop):
            for micro in range(self.plan.accumulate):
                yield self.plan.keys(step, self.rank, micro, self.view(step))

    def __len__(self) -> int:
        return (self.stop - self.start) * self.plan.accumulate


class _Batches:
    """A data set whose items are whole micro-batches."""

    def __init__(self, dataset: TrainingSet) -> None:
        self.dataset = dataset

    def __getitem__(self, keys: list[SampleKey]) -> dict[str, Any]:
        self.dataset.take_failed()
        try:
            batch = collate([self.dataset[key] for key in keys], keys[0].view)
        except NirganError as error:
            return {"refused": str(error)}
        batch["failed"] = self.dataset.take_failed()
        return batch


def _as_is(batch: dict[str, Any]) -> dict[str, Any]:
    return batch


def _start_worker(worker: int) -> None:
    import cv2

    # Ctrl-C and kill are for the process that trains: it ends its workers, which may have inherited its handlers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # One thread each: workers are the parallelism, and more threads than cores only wait for each other.
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    info = get_worker_info()
    assert info is not None
    info.dataset.dataset.share_cache(info.num_workers)  # type: ignore[attr-defined]
