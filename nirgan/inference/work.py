"""Translate one file after the other: reading and writing in threads beside the network, every failure a line."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from nirgan.data.convert import from_unit
from nirgan.data.files import Picture, read_picture, write_picture
from nirgan.data.metadata import Metadata
from nirgan.errors import NirganError
from nirgan.inference.collect import FORMATS, Job
from nirgan.inference.memory import is_out_of_memory
from nirgan.inference.translator import Translator

logger = logging.getLogger(__name__)

Depth = Literal[8, 16, "same"]
SEED = "noise_seed"
"""The condition that a model declares if its answer is drawn at random."""


class Work:
    """Translates pictures one by one, reading ahead and writing behind in threads."""

    def __init__(
        self,
        translator: Translator,
        depth: Depth,
        seeds: Sequence[int | None],
        kept: set[Path],
        max_pixels: int,
        workers: int,
    ) -> None:
        self._translator = translator
        self._depth = depth
        self._seeds = seeds
        self._kept = kept
        self._max_pixels = max_pixels
        self._workers = workers

    def run(self, jobs: Sequence[Job]) -> Generator[tuple[list[Path], str], None, None]:
        """Yield (files written, error or nothing) in the order of the jobs.

        When interrupted, files that are being written are finished, and nothing else is begun.
        """
        pool = ThreadPoolExecutor(self._workers) if self._workers else None
        try:
            yield from self._run(jobs, pool)
        finally:
            if pool is not None:
                pool.shutdown(wait=True, cancel_futures=True)

    def _run(
        self, jobs: Sequence[Job], pool: ThreadPoolExecutor | None
    ) -> Generator[tuple[list[Path], str], None, None]:
        # At most `ahead` pictures are held on either side of the network.
        ahead = self._workers + 1
        reading: deque[Future[tuple[Picture, Tensor]]] = deque()
        writing: deque[tuple[Job, list[Future[Path]], str]] = deque()
        for index, job in enumerate(jobs):
            for other in jobs[index + len(reading) : index + ahead]:
                reading.append(_submit(pool, self._read, other.source))
            futures, error = [], ""
            try:
                picture, source = reading.popleft().result()
                for output, seed in zip(job.outputs, self._seeds, strict=True):
                    if output not in self._kept:
                        rgb = self._translate(job.source, source, seed)
                        futures.append(_submit(pool, self._write, output, rgb, picture.pixels.dtype, picture.metadata))
            except Exception as reason:
                error = _words(reason, job.source)
            writing.append((job, futures, error))
            while len(writing) > ahead or (writing and all(future.done() for future in writing[0][1])):
                yield _finished(*writing.popleft())
        while writing:
            yield _finished(*writing.popleft())

    def _read(self, path: Path) -> tuple[Picture, Tensor]:
        picture = read_picture(path, max_pixels=self._max_pixels)
        return picture, self._translator.source_of(picture, path)

    def _translate(self, path: Path, source: Tensor, seed: int | None) -> np.ndarray:
        return self._translator.run(source, {} if seed is None else {SEED: seed}, path=path).cpu().numpy()

    def _write(self, output: Path, rgb: np.ndarray, kind: np.dtype, metadata: Metadata) -> Path:
        deep = self._depth == 16 or (self._depth == "same" and kind != np.uint8)
        depth = 16 if deep and output.suffix.lower() not in FORMATS["jpeg"] else 8
        make_folder(output.parent)
        write_picture(output, from_unit(rgb, depth), metadata)
        return output


def _submit(pool: ThreadPoolExecutor | None, work: Callable[..., Any], *args: Any) -> Future[Any]:
    if pool is not None:
        return pool.submit(work, *args)
    future: Future[Any] = Future()
    try:
        future.set_result(work(*args))
    except Exception as error:
        future.set_exception(error)
    return future


def _finished(job: Job, futures: Sequence[Future[Path]], error: str) -> tuple[list[Path], str]:
    written = []
    for future in futures:
        try:
            written.append(future.result())
        except Exception as reason:
            words = _words(reason, job.source)
            error = error or words
    return written, error


def _words(reason: Exception, path: Path) -> str:
    """What is wrong with one input, on one line; raises the reason again when memory ran out."""
    if isinstance(reason, MemoryError) or is_out_of_memory(reason):
        raise reason
    if isinstance(reason, NirganError):
        return str(reason).removeprefix(f"{path}: ")  # the path stands beside the error in every listing
    logger.debug("%s: not translated", path, exc_info=reason)
    first = next(iter(str(reason).strip().splitlines()), "")
    return f"{type(reason).__name__}: {first}" if first else type(reason).__name__


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; raises NirganError if that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NirganError(f"{folder}: this folder cannot be made ({error.strerror}); choose another --out") from None
