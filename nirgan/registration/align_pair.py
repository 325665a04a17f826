"""One pair of files: read, align, write; and the note of it that spares doing it again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from nirgan.data.contents import size_and_time
from nirgan.data.files import Picture
from nirgan.data.index import Data, Record
from nirgan.data.pictures import read_side, source_of, target_of
from nirgan.errors import NirganError
from nirgan.files import write_whole
from nirgan.registration.apply import cut, moved_onto, suffix_for, write_stored
from nirgan.registration.dense import flow_of, whole_size
from nirgan.registration.ecc import Model
from nirgan.registration.edges import Array
from nirgan.registration.estimate import Alignment, align
from nirgan.registration.rectangle import Rectangle, common_rectangle

METHOD = 3
"""Number of the method; notes of another are not believed."""
MATRIX_MEANS = "what the target's file shows at pixel (x, y), the source's shows at matrix @ (x, y, 1) / its third"
_LEAST_COMMON = 0.2
"""Share of the target that both have to show."""
_LEAST_SIDE = 16

Status = Literal["aligned", "refused", "failed"]


@dataclass(frozen=True)
class Outcome:
    """What became of a pair.

    Attributes:
        key: ``set/name`` of the input.
        name: Of the results, below ``nir/`` and ``rgb/``, without suffix; empty for a picture without partner.
        status: ``aligned``; ``refused``, because no alignment is to be believed, or there is no partner; ``failed``,
            because a file is broken.
        reason: Why not, in words.
        kept: Whether it was done before.
        matrix: 3×3, see ``MATRIX_MEANS``.
        confidence: 0 to 1.
        doubt_px: How far the worst corner may be off, in pixels of the target; None if that cannot be told.
        residual_px: Root mean square distance by which the parts that agree are still off, in the same.
        correlation_before: Of gradient magnitudes.
        correlation_after: The same after the alignment.
        rectangle: Part of the target that was written: left, top, width, height.
        dense_px: Mean length of the dense refinement's shifts; None without one.
    """

    key: str
    name: str
    status: Status
    reason: str = ""
    kept: bool = False
    matrix: list[list[float]] | None = None
    confidence: float | None = None
    doubt_px: float | None = None
    residual_px: float | None = None
    correlation_before: float | None = None
    correlation_after: float | None = None
    rectangle: list[int] | None = None
    dense_px: float | None = None


@dataclass(frozen=True)
class Options:
    """How pairs are aligned.

    Attributes:
        model: The most freedoms of a matrix.
        dense: Refine by a field of small shifts.
        least_confidence: Alignments below it are refused.
    """

    model: Model = "affine"
    dense: bool = False
    least_confidence: float = 0.5


def results_of(root: Path, side: str, name: str) -> list[Path]:
    """Every file that could be the result of a side of a pair."""
    return [root / side / f"{name}{suffix}" for suffix in (".png", ".tif", ".tiff")]


@dataclass(frozen=True)
class Job:
    """A record and where its results go.

    Attributes:
        record: The pair.
        root: Folder of ``nir/``, ``rgb/`` and ``alignment/``.
        name: Of the results, without suffix.
    """

    record: Record
    root: Path
    name: str

    @property
    def note(self) -> Path:
        """The file that says what was done."""
        return self.root / "alignment" / f"{self.name}.json"

    def results(self, side: str) -> list[Path]:
        """Every file that could be the result of a side."""
        return results_of(self.root, side, self.name)


@dataclass(frozen=True)
class AlignPair:
    """Aligns one pair per call; pickled for other processes.

    Attributes:
        data: How files are read; its records do not matter.
        options: How they are aligned.
    """

    data: Data
    options: Options

    def __call__(self, job: Job) -> Outcome:
        """Align a pair unless that was done; what goes wrong is in the outcome."""
        try:
            given = self._given(job.record)
            done = _noted(job, given)
            if done is not None:
                return done
            _forget(job)
            outcome = self._align(job)
            note = {"input": given, "matrix_means": MATRIX_MEANS, **asdict(outcome)}
            write_whole(job.note, json.dumps(note, indent=1).encode())  # last: with it the pair counts as done
        except (NirganError, OSError, MemoryError, cv2.error) as error:
            return Outcome(job.record.key, job.name, "failed", reason=_words(error, job.record))
        return outcome

    def _given(self, record: Record) -> dict[str, Any]:
        """All that an outcome depends on, as JSON would give it back."""
        files = [list(size_and_time(file)) for file in (record.source, record.target) if file is not None]
        rendered = None if record.rendered is None else [self.data.seed, record.rendered]
        read = [record.region, self.data.band, self.data.full_scale]
        return {"method": METHOD, "files": files, "rendered": rendered, "read": read, **asdict(self.options)}

    def _align(self, job: Job) -> Outcome:
        data = replace(self.data, all_records=[job.record])
        source, target = read_side(data, job.record, "source"), read_side(data, job.record, "target")
        found = align(
            source_of(data, job.record, source), target_of(data, job.record, target), model=self.options.model
        )
        flow = _flow(found, target.pixels.shape) if self.options.dense and self._believed(found) else None
        rectangle = _rectangle(found.matrix, flow, source, target)
        outcome = _described(job, found, flow, rectangle)
        if not self._believed(found):
            return replace(outcome, status="refused", reason=f"confidence {found.confidence:.2f}: {found.weakness}")
        if rectangle is None:
            return replace(outcome, status="refused", reason="the two have hardly anything in common")
        write_stored(_place(job, "rgb", target, job.record.target), cut(target.pixels, rectangle), target)
        moved = moved_onto(source.pixels, found.matrix, rectangle, flow)
        write_stored(_place(job, "nir", source, job.record.source), moved, source)
        return outcome

    def _believed(self, found: Alignment) -> bool:
        return found.confidence >= self.options.least_confidence


def _noted(job: Job, given: Mapping[str, Any]) -> Outcome | None:
    """The outcome of an earlier run on the same input with its results in place; None if there is none."""
    try:
        note = json.loads(job.note.read_bytes())
        if note["input"] != given:
            return None
        outcome = Outcome(**{field.name: note[field.name] for field in fields(Outcome)})
    except (OSError, ValueError, KeyError, TypeError):
        return None
    there = all(any(path.is_file() for path in job.results(side)) for side in ("nir", "rgb"))
    # The input's folder may have another name by now, and its pictures other keys.
    now = replace(outcome, key=job.record.key, name=job.name, kept=True)
    return now if there or outcome.status == "refused" else None


def _forget(job: Job) -> None:
    """Remove what an earlier run made of another input."""
    for path in (job.note, *job.results("nir"), *job.results("rgb")):
        path.unlink(missing_ok=True)


def _flow(found: Alignment, target: tuple[int, ...]) -> Array | None:
    flow = flow_of(found)
    return None if flow is None else whole_size(flow, target)


def _rectangle(matrix: Array, flow: Array | None, source: Picture, target: Picture) -> Rectangle | None:
    """What both show, if that is enough of the target."""
    margin = 0.0
    if flow is not None:  # a shift in target pixels is so many source pixels
        stretch = float(np.linalg.norm(matrix[:2, :2], 2))
        margin = stretch * float(np.linalg.norm(flow, axis=2).max())
    target_shape = target.pixels.shape
    found = common_rectangle(matrix, source.pixels.shape[:2], target_shape[:2], margin=margin)
    if found is None or min(found.width, found.height) < _LEAST_SIDE:
        return None
    return found if found.area >= _LEAST_COMMON * target_shape[0] * target_shape[1] else None


def _described(job: Job, found: Alignment, flow: Array | None, rectangle: Rectangle | None) -> Outcome:
    return Outcome(
        key=job.record.key,
        name=job.name,
        status="aligned",
        matrix=found.matrix.tolist(),
        confidence=found.confidence,
        doubt_px=found.doubt if math.isfinite(found.doubt) else None,
        residual_px=found.residual,
        correlation_before=found.correlation_before,
        correlation_after=found.correlation_after,
        rectangle=None if rectangle is None else [rectangle.left, rectangle.top, rectangle.width, rectangle.height],
        dense_px=None if flow is None else float(np.linalg.norm(flow, axis=2).mean()),
    )


def _place(job: Job, side: str, picture: Picture, path: Path | None) -> Path:
    return job.root / side / f"{job.name}{suffix_for(picture, path or Path())}"


def _words(error: Exception, record: Record) -> str:
    if isinstance(error, NirganError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or record.path}: {error.strerror or error}"
    what = "does not fit into memory" if isinstance(error, MemoryError) else f"cannot be aligned ({error})"
    return f"{record.path}: {what}"
