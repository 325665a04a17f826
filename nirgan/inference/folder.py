"""Translate files and folders: one broken file stops nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Any

from nirgan.data.files import MAX_PIXELS
from nirgan.errors import NirganError
from nirgan.inference.collect import Job, check_format, exists, find_inputs, plan_outputs
from nirgan.inference.maps import check_pictures
from nirgan.inference.processes import gather, this_process
from nirgan.inference.translator import Translator
from nirgan.inference.work import SEED, Depth, Work, make_folder


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
    shared: bool = False,
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
        shared: Share the inputs with the other processes of a launcher such as ``torchrun``, all of which must call
            this; each gets the result of all, in the order of one process.
        on_progress: Called with the number of inputs done and of all (of this process's share).

    Raises:
        NirganError: for options that contradict each other or the model, conditions that do not fit the pictures,
            results that would replace inputs, or when the output folder cannot be made. What is wrong with single
            pictures is listed in the result.
    """
    out, proper = Path(out), check_format(format)
    if depth == 16 and proper == "jpeg":
        raise NirganError("JPEG holds 8 bits; take --format png or tiff for 16, or --depth 8")
    seeds = _seeds(translator, samples, seed)
    found = find_inputs(inputs, out)
    check_pictures(translator.conditions, [path for path, _ in found.pictures])
    jobs = plan_outputs(found.pictures, out, format=proper, samples=samples)
    if shared:
        gather([])  # nobody writes before all have looked: results are no inputs
        rank, world = this_process()
        jobs = jobs[rank::world]
    kept = [[] if overwrite else [output for output in job.outputs if exists(output)] for job in jobs]
    if any(len(there) < len(job.outputs) for job, there in zip(jobs, kept, strict=True)):
        make_folder(out)
    work = Work(translator, depth, seeds, {output for there in kept for output in there}, max_pixels, workers)
    started, rows = time.perf_counter(), list[_Row]()
    done, total = len(found.failed), len(jobs) + len(found.failed)
    on_progress(done, total)
    with closing(_rows(work, jobs, kept)) as finished:
        for row in finished:
            rows.append(row)
            on_progress(done + len(rows), total)
    return _summed_up(found.failed, gather(rows) if shared else rows, started)


@dataclass(frozen=True)
class _Row:
    """What became of one input."""

    source: Path
    skipped: list[Path]
    written: list[Path]
    error: str


def _rows(work: Work, jobs: Sequence[Job], kept: Sequence[list[Path]]) -> Generator[_Row, None, None]:
    """One row for each job, in order; an input whose results are all there is not even read."""
    todo = [len(there) < len(job.outputs) for job, there in zip(jobs, kept, strict=True)]
    with closing(work.run(list(compress(jobs, todo)))) as finished:
        for job, there, wanted in zip(jobs, kept, todo, strict=True):
            written, error = next(finished) if wanted else ([], "")
            yield _Row(job.source, there, written, error)


def _summed_up(failed: Sequence[tuple[Path, str]], rows: Sequence[_Row], started: float) -> Translated:
    written = [path for row in rows for path in row.written]
    return Translated(
        written=written,
        skipped=[path for row in rows for path in row.skipped],
        failed=[*failed, *((row.source, row.error) for row in rows if row.error)],
        images_per_s=len(written) / max(time.perf_counter() - started, 1e-9),
    )


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
