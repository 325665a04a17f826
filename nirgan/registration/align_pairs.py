"""All pairs of a data set: in parallel, each written whole, done once."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

from nirgan.data.bands import write_sidecar
from nirgan.data.index import Data, Record, first_of
from nirgan.data.parallel import in_processes, processes_for
from nirgan.errors import NirganError
from nirgan.files import csv_bytes, remove_parts, write_whole
from nirgan.lock import LOCK, alone
from nirgan.registration.align_pair import MATRIX_MEANS, AlignPair, Job, Options, Outcome, results_of

_OURS = "alignment.json"
"""File that marks a folder as this command's own."""
_WORTH_A_PROCESS = 4
"""Pairs; a new process takes as long to start as aligning some."""
_NUMBERS = ("confidence", "doubt_px", "residual_px", "correlation_before", "correlation_after", "dense_px")


@dataclass
class AlignedPairs:
    """What became of the pairs.

    Attributes:
        out: Folder of the results.
        outcomes: One a pair, in the order of their keys, then one for each picture without partner.
        strays: Pictures in ``out`` of pairs that are no more, or have another name now.
    """

    out: Path
    outcomes: list[Outcome] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)

    def of(self, status: str) -> list[Outcome]:
        """The outcomes of one status."""
        return [outcome for outcome in self.outcomes if outcome.status == status]

    def as_json(self) -> dict[str, Any]:
        """Counts, medians, and what was not aligned with its reason; a line for each pair is in ``transforms.csv``."""
        aligned = self.of("aligned")
        return {
            "out": str(self.out),
            "count": len(self.outcomes),
            "aligned": len(aligned),
            "kept": sum(outcome.kept for outcome in aligned),
            "refused": [{"key": o.key, "confidence": o.confidence, "reason": o.reason} for o in self.of("refused")],
            "failed": [{"key": o.key, "error": o.reason} for o in self.of("failed")],
            "strays": self.strays,
            "median": {name: _median(aligned, name) for name in _NUMBERS},
            "transforms": str(self.out / "transforms.csv"),
        }


def align_pairs(
    data: Data,
    out: Path,
    options: Options,
    *,
    workers: int | None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> AlignedPairs:
    """Move every source onto its target and write what both show, as ``nir/`` and ``rgb/`` with the same names.

    Several sets become a folder each. Beside the pictures are ``alignment/NAME.json`` for each pair, ``transforms.csv``
    for all, and the data's ``split.csv`` and band, if it has them. What was done for the same files is kept. Pictures
    without partner are refused, after all pairs.

    Args:
        data: Pairs; any pairing.
        out: Made if it is missing.
        options: How to align.
        workers: Processes; 0 works in this one, None chooses.
        on_progress: Called with the number of pairs done and of all.

    Raises:
        NirganError: if there is no pair, ``out`` holds other things or is being written by another process, or two
            pairs would have one name. What is wrong with single pairs is in the result.
    """
    jobs = _jobs(data, out)
    _require_ours(out)
    with alone(out):
        _prepare(out, data, options)
        return _align_all(data, jobs, AlignedPairs(out), options, workers, on_progress)


def _align_all(
    data: Data,
    jobs: list[Job],
    result: AlignedPairs,
    options: Options,
    workers: int | None,
    on_progress: Callable[[int, int], None],
) -> AlignedPairs:
    work = AlignPair(replace(data, all_records=[], problems=[], layouts=[]), options)
    on_progress(0, len(jobs))
    with closing(_outcomes(work, jobs, workers)) as outcomes:
        for outcome in outcomes:
            result.outcomes.append(outcome)
            on_progress(len(result.outcomes), len(jobs))
    _carry_split(data, jobs, result)
    result.outcomes += _without_partner(data)
    result.strays = _strays(result.out, jobs)
    write_whole(result.out / "transforms.csv", csv_bytes(_table(result.outcomes)))
    return result


def _outcomes(work: AlignPair, jobs: list[Job], workers: int | None) -> Generator[Outcome, None, None]:
    yield from in_processes(work, jobs, processes_for(len(jobs), _WORTH_A_PROCESS, workers))


def _jobs(data: Data, out: Path) -> list[Job]:
    records = data.pairs()
    if not records:
        raise NirganError(f"{'; '.join(data.layouts)}: no pair to align, for no two pictures have one name")
    several = len({record.set for record in records}) > 1
    jobs = [Job(record, out / record.set if several else out, result_name(record)) for record in records]
    doubles = [str(note) for note, count in Counter(job.note for job in jobs).items() if count > 1]
    if doubles:
        raise NirganError(f"{len(doubles)} pairs would get names of others, first: {first_of(doubles)}; rename them")
    return jobs


def _without_partner(data: Data) -> list[Outcome]:
    lonely = [record for record in data.records() if not (record.has_source_file and record.has_target)]
    missing = {record.key: "colour" if record.has_source_file else "near-infrared" for record in lonely}
    return [Outcome(key, "", "refused", f"there is no {what} picture of that name") for key, what in missing.items()]


def _strays(out: Path, jobs: list[Job]) -> list[str]:
    """Sources that earlier calls have written and this one has not; whoever reads the folder would take them."""
    ours = {job.note for job in jobs}
    found = []
    for root in (out, *(path for path in sorted(out.iterdir()) if path.is_dir())):
        notes = root / "alignment"
        for note in sorted(set(notes.rglob("*.json")) - ours):
            name = note.relative_to(notes).with_suffix("").as_posix()
            found += [str(path) for path in results_of(root, "nir", name) if path.is_file()]
    return found


def result_name(record: Record) -> str:
    """A name whose first folder is the category, as the layout of the results reads it; else without folders."""
    if record.category and record.name.startswith(f"{record.category}/"):
        return record.name
    flat = record.name.replace("/", "_")
    category = re.sub(r"[\\/]|^\.+", "_", record.category)
    return f"{category}/{flat}" if category else flat


def _require_ours(out: Path) -> None:
    """Refuse a folder that holds anything before this command has said that it is its own."""
    if (out / _OURS).is_file() or not out.exists():
        return
    if not out.is_dir() or any(path.name != LOCK for path in out.iterdir()):
        raise NirganError(f"{out}: holds other things; name a new folder, or one that this command has made")


def _prepare(out: Path, data: Data, options: Options) -> None:
    """Say whose the folder is before anything else is in it, and of what light its pictures are."""
    remove_parts(out)
    about = {"input": data.layouts, "model": options.model, "dense": options.dense, "matrix_means": MATRIX_MEANS}
    write_whole(out / _OURS, json.dumps({**about, "least_confidence": options.least_confidence}, indent=1).encode())
    if data.wavelength:
        write_sidecar(out, data.wavelength)


def _carry_split(data: Data, jobs: list[Job], result: AlignedPairs) -> None:
    """Write the data's split, if it has one, of the pairs that were aligned and under their new names."""
    aligned = {outcome.key for outcome in result.of("aligned")}
    records = [replace(job.record, name=job.name) for job in jobs if job.record.key in aligned]
    if records and all(record.split for record in records):
        replace(data, all_records=records).write_split(result.out / "split.csv")


def _table(outcomes: list[Outcome]) -> list[list[Any]]:
    cells = [f"m{row}{column}" for row in range(3) for column in range(3)]
    sides = ["left", "top", "width", "height"]
    rows: list[list[Any]] = [["key", "name", "status", *_NUMBERS, *cells, *sides, "reason"]]
    for o in outcomes:
        matrix = [value for row in o.matrix for value in row] if o.matrix else [""] * 9
        numbers = [getattr(o, name) for name in _NUMBERS]
        written = ["" if number is None else number for number in numbers]
        rectangle: list[Any] = [""] * 4 if o.rectangle is None else o.rectangle
        rows.append([o.key, o.name, o.status, *written, *matrix, *rectangle, o.reason])
    return rows


def _median(outcomes: list[Outcome], name: str) -> float | None:
    values = [value for outcome in outcomes if (value := getattr(outcome, name)) is not None]
    return median(values) if values else None
