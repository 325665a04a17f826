"""Translate files and folders: reading and writing in threads beside the network, one broken file stops nothing."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from nirgan.data.convert import from_unit
from nirgan.data.files import MAX_PIXELS, Picture, read_picture, write_picture
from nirgan.data.metadata import Metadata
from nirgan.errors import NirganError
from nirgan.inference.collect import FORMATS, Job, check_format, find_inputs, plan_outputs
from nirgan.inference.translator import Translator

Depth = Literal[8, 16, "same"]
SEED = "noise_seed"
"""The condition that a model declares if its answer is drawn at random."""


@dataclass
class Translated:
    """What became of the inputs.

    Attributes:
        written: Files written.
        skipped: Results that were there before.
        failed: Inputs that could not be translated, and why.
        images_per_s: Results written per second.
    """

    written: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    images_per_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "written": [str(path) for path in self.written],
            "skipped": [str(path) for path in self.skipped],
            "failed": [{"path": str(path), "error": error} for path, error in self.failed],
            "images_per_s": self.images_per_s,
        }


def translate_files(
    translator: Translator,
    inputs: Sequence[str | Path],
    out: str | Path = "translated",
    *,
    overwrite: bool = False,
    depth: Depth = "same",
    format: str | None = None,
    samples: int | None = None,
    seed: int | None = None,
    workers: int = 2,
    max_pixels: int = MAX_PIXELS,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Translated:
    """Translate pictures and folders of pictures into a folder; folders keep their structure, metadata is carried.

    Args:
        translator: Does the work.
        inputs: Files and folders.
        out: Folder for the results, made if it is missing.
        overwrite: Replace results that are there; else they are skipped.
        depth: Bits per channel; ``same`` is 16 for 16-bit and float inputs where the format can hold it.
        format: ``png``, ``tiff`` or ``jpeg``; None is TIFF for TIFF and PNG for the rest.
        samples: Results per picture, numbered, with seeds counted up from ``seed``; None is one without a number.
        seed: For models that draw at random.
        workers: Threads that read and write beside the network; 0 does all in turn.
        max_pixels: Larger pictures are refused.
        on_progress: Called with the number of inputs done and of all.

    Raises:
        NirganError: for options that contradict each other or the model, results that would replace inputs, or when the
            output folder cannot be made. What is wrong with single pictures is listed in the result.
    """
    out, proper = Path(out), check_format(format)
    if depth == 16 and proper == "jpeg":
        raise NirganError("JPEG holds 8 bits; take --format png or tiff for 16, or --depth 8")
    seeds = _seeds(translator, samples, seed)
    found = find_inputs(inputs, out)
    jobs = plan_outputs(found.pictures, out, format=proper, samples=samples)
    result = Translated(failed=list(found.failed))
    todo = [job for job in jobs if overwrite or not all(output.exists() for output in job.outputs)]
    if todo:
        _make_folder(out)
    result.skipped = [output for job in jobs for output in job.outputs if not overwrite and output.exists()]
    work = _Work(translator, depth, seeds, set(result.skipped), max_pixels, workers)
    started, total = time.perf_counter(), len(jobs) + len(found.failed)
    done = total - len(todo)
    on_progress(done, total)
    with closing(work.run(todo)) as finished:
        for source, written, error in finished:
            result.written += written
            if error:
                result.failed.append((source, error))
            done += 1
            on_progress(done, total)
    result.images_per_s = len(result.written) / max(time.perf_counter() - started, 1e-9)
    return result


class _Work:
    """Read ahead, translate, write behind."""

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

    def run(self, jobs: Sequence[Job]) -> Generator[tuple[Path, list[Path], str], None, None]:
        """Yield (input, files written, error or nothing) in the order of the jobs.

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
    ) -> Generator[tuple[Path, list[Path], str], None, None]:
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
                        rgb = self._translate(source, seed)
                        futures.append(_submit(pool, self._write, output, rgb, picture.pixels.dtype, picture.metadata))
            except NirganError as reason:
                error = _without_path(reason, job.source)
            writing.append((job, futures, error))
            while len(writing) > ahead or (writing and all(future.done() for future in writing[0][1])):
                yield _finished(*writing.popleft())
        while writing:
            yield _finished(*writing.popleft())

    def _read(self, path: Path) -> tuple[Picture, Tensor]:
        picture = read_picture(path, max_pixels=self._max_pixels)
        return picture, self._translator.source_of(picture, path)

    def _translate(self, source: Tensor, seed: int | None) -> np.ndarray:
        return self._translator.run(source, {} if seed is None else {SEED: seed}).cpu().numpy()

    def _write(self, output: Path, rgb: np.ndarray, kind: np.dtype, metadata: Metadata) -> Path:
        deep = self._depth == 16 or (self._depth == "same" and kind != np.uint8)
        depth = 16 if deep and output.suffix.lower() not in FORMATS["jpeg"] else 8
        _make_folder(output.parent)
        write_picture(output, from_unit(rgb, depth), metadata)
        return output


def _submit(pool: ThreadPoolExecutor | None, work: Callable[..., Any], *args: Any) -> Future[Any]:
    if pool is not None:
        return pool.submit(work, *args)
    future: Future[Any] = Future()
    try:
        future.set_result(work(*args))
    except NirganError as error:
        future.set_exception(error)
    return future


def _finished(job: Job, futures: Sequence[Future[Path]], error: str) -> tuple[Path, list[Path], str]:
    written = []
    for future in futures:
        try:
            written.append(future.result())
        except NirganError as reason:
            error = error or str(reason)
    return job.source, written, error


def _without_path(reason: NirganError, path: Path) -> str:
    return str(reason).removeprefix(f"{path}: ")  # the path stands beside the error in every listing


def _seeds(translator: Translator, samples: int | None, seed: int | None) -> list[int | None]:
    random = SEED in translator.conditions
    if not random and (samples is not None or seed is not None):
        option = "--samples" if samples is not None else "--seed"
        raise NirganError(
            f"{translator.info.model} draws nothing at random: the same picture each time; leave out {option}"
        )
    if samples is not None and samples < 1:
        raise NirganError(f"--samples is {samples}, but must be at least 1")
    if not random:
        return [None]
    first = translator.conditions[SEED] if seed is None else seed
    return [first] if samples is None else [(first or 0) + k for k in range(samples)]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NirganError(f"{folder}: this folder cannot be made ({error.strerror}); choose another --out") from None
