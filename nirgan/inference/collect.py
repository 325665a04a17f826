"""Which files to translate, and where each result goes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nirgan.data.files import SUFFIXES, is_picture
from nirgan.errors import NirganError, nearest

FORMATS = {"png": (".png",), "tiff": (".tif", ".tiff"), "jpeg": (".jpg", ".jpeg")}
"""Output formats and the suffixes that mean them; an input's own suffix is kept if it is one of them."""
_ALIASES = {"tif": "tiff", "jpg": "jpeg"}


@dataclass(frozen=True)
class Job:
    """One picture to translate and the files that its results go to: one, or one for each sample."""

    source: Path
    outputs: tuple[Path, ...]


@dataclass
class Inputs:
    """Pictures found, each with its path below the output folder (suffix not yet decided), and what was not found."""

    pictures: list[tuple[Path, Path]] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)


def check_format(name: str | None) -> str | None:
    """The format's proper name, None for none; raises NirganError for an unknown one."""
    if name is None:
        return None
    proper = _ALIASES.get(name.lower(), name.lower())
    if proper not in FORMATS:
        raise NirganError(f"format '{name}'{nearest(proper, FORMATS)} (there are: {', '.join(FORMATS)})")
    return proper


def find_inputs(inputs: Iterable[str | Path], out: Path) -> Inputs:
    """List files as given and the pictures below folders, sorted, without hidden ones and those below ``out``."""
    found, seen = Inputs(), set()
    for given in map(Path, inputs):
        inside = _looked_up(given, out)
        found.failed += inside.failed
        for path, place in inside.pictures:
            if (real := path.resolve()) not in seen:
                seen.add(real)
                found.pictures.append((path, place))
    return found


def plan_outputs(
    pictures: Sequence[tuple[Path, Path]], out: Path, *, format: str | None = None, samples: int | None = None
) -> list[Job]:
    """Name each picture's result: its place and stem below ``out``, TIFF for TIFF and PNG for the rest, or ``format``.

    Results that would share a name get their input's suffix as well (``a.jpg`` and ``a.png``: ``a_jpg.png``,
    ``a_png.png``), and a number where that does not tell them apart. Samples are numbered: ``a-1.png``, ``a-2.png``.

    Raises:
        NirganError: if a result would replace one of the inputs.
    """
    outputs = [place.with_suffix(_suffix(place, format)) for _, place in pictures]
    times = Counter(_key(output) for output in outputs)
    taken = {key for key, count in times.items() if count == 1}
    jobs = []
    for (path, place), output in zip(pictures, outputs, strict=True):
        if times[_key(output)] > 1:
            output = _free(output, place.suffix.lstrip("."), taken)
        names = [output] if samples is None else [output.with_stem(f"{output.stem}-{k}") for k in range(1, samples + 1)]
        jobs.append(Job(path, tuple(out / name for name in names)))
    _refuse_overwriting_inputs(jobs)
    return jobs


def exists(path: Path) -> bool:
    """Whether there is such a file; False also where the system cannot say (a name that is too long)."""
    try:
        return path.exists()
    except OSError:
        return False


def _looked_up(given: Path, out: Path) -> Inputs:
    try:
        if given.is_dir():
            return _below(given, out)
        if given.exists():
            return Inputs([(given, Path(given.name))])
    except OSError as error:
        return Inputs(failed=[(given, f"cannot be looked at ({error.strerror})")])
    return Inputs(failed=[(given, "no such file or folder")])


def _below(folder: Path, out: Path) -> Inputs:
    inside = out.resolve()
    skip = inside if inside != folder.resolve() else None
    found = Inputs()

    def unreadable(error: OSError) -> None:
        found.failed.append((Path(error.filename or folder), f"this folder cannot be read ({error.strerror})"))

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and (Path(parent) / name).resolve() != skip
        )
        paths = [Path(parent) / name for name in names]
        found.pictures += [(path, path.relative_to(folder)) for path in paths if is_picture(path) and _is_file(path)]
    if not found.pictures and not found.failed:
        tars = any(folder.glob("shard-*.tar"))
        hint = "; tar shards are for train and evaluate: name the folder that they were packed from" if tars else ""
        found.failed.append((folder, f"no pictures ({', '.join(SUFFIXES)}) in this folder{hint}"))
    found.pictures.sort()
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # listed all the same: reading it will say why it cannot be read
        return True


def _suffix(place: Path, format: str | None) -> str:
    kept = FORMATS[format] if format else (*FORMATS["png"], *FORMATS["tiff"])
    return place.suffix if place.suffix.lower() in kept else kept[0]


def _free(output: Path, suffix: str, taken: set[str]) -> Path:
    candidate, number = output.with_stem(f"{output.stem}_{suffix}"), 1
    while _key(candidate) in taken:
        number += 1
        candidate = output.with_stem(f"{output.stem}_{suffix}_{number}")
    taken.add(_key(candidate))
    return candidate


def _key(output: Path) -> str:
    return str(output).casefold()  # some file systems do not tell A from a


def _refuse_overwriting_inputs(jobs: Sequence[Job]) -> None:
    sources = {_identity(job.source): job.source for job in jobs if exists(job.source)}
    for output in (output for job in jobs for output in job.outputs):
        if exists(output) and (source := sources.get(_identity(output))) is not None:
            raise NirganError(f"{source}: the result would replace this input; choose another --out")


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
