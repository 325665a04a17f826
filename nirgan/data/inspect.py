"""What is in a folder and what is wrong with it, from names and headers; ``nirgan.data.inspection`` looks at pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirgan.data.bands import SIDECAR, Band, bands_of, disagreement
from nirgan.data.index import Problem, Record
from nirgan.data.leaks import find_leaks
from nirgan.data.open import read_spec, take_apart
from nirgan.data.pictures import Side
from nirgan.data.sample import Pairing
from nirgan.data.sizes import size_of
from nirgan.data.split import apply_split, read_split
from nirgan.errors import NirganError

SCENE_LEAK = "same scene in several splits"
MISSING_PARTNER = "missing partner"
DIFFERENT_SIZES = "different sizes"
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Listing:
    """What names tell.

    Attributes:
        layout: What was recognised, in words.
        pairing: The weakest among the records.
        records: With their split, where folders or a ``split.csv`` give one; unpaired sides taken apart.
        problems: Seen in names.
        bands: That folders and cards state of the sources; None among them where neither does.
    """

    layout: str
    pairing: Pairing
    records: list[Record]
    problems: list[Problem]
    bands: frozenset[Band | None] = frozenset()

    @property
    def count(self) -> int:
        """Pairs, or pictures where there are none."""
        if self.pairing == Pairing.UNPAIRED:
            return len(self.records)
        return sum(record.has_source_file and record.has_target for record in self.records)

    @property
    def band(self) -> Band | None:
        """The band that is stated of all sources, None if there is none."""
        return next(iter(self.bands)) if len(self.bands) == 1 else None


def inspect(specs: Sequence[str], on_progress: Callable[[int, int], None] = lambda done, total: None) -> dict[str, Any]:
    """Look at folders or cards without decoding pictures.

    Args:
        specs: Folders, ``LAYOUT:FOLDER``, or names of cards.
        on_progress: Told the number of records whose headers were read, and of all.

    Returns:
        ``layout`` in words, ``pairing`` (the weakest), ``count`` (pairs, or pictures where there are none), and
        ``problems``: a list of ``kind``, ``count``, ``files``.

    Raises:
        NirganError: if a folder is missing, empty, or in no known layout.
    """
    listing = list_data(specs)
    return summary(listing, listing.problems + _headers(listing.records, on_progress))


def list_data(specs: Sequence[str]) -> Listing:
    """List folders or cards by names alone.

    Raises:
        NirganError: if a folder is missing, empty, or in no known layout.
    """
    records: list[Record] = []
    problems: list[Problem] = []
    words: list[str] = []
    bands: set[Band | None] = set()
    for spec in specs:
        found, folder = read_spec(spec, taken={record.set for record in records})
        words.append(found.words)
        sides, more = _with_split([side for record in found.records for side in take_apart(record)], folder)
        problems += [*found.problems, *_lonely(sides), *more, *_bands(sides, found.wavelength, bands)]
        records += sides
    leaking = [str(path) for leak in find_leaks(records) for paths in leak.files.values() for path in paths]
    if leaking:
        problems.append(Problem.of(SCENE_LEAK, list(dict.fromkeys(leaking))))
    if kind := disagreement(bands):
        problems.append(Problem.of(kind, list(specs)))
    pairing = max((record.pairing for record in records), key=list(Pairing).index)
    return Listing("; ".join(words), pairing, records, problems, frozenset(bands))


def summary(listing: Listing, problems: Sequence[Problem]) -> dict[str, Any]:
    """What every inspection says."""
    return {
        "layout": listing.layout,
        "pairing": str(listing.pairing),
        "count": listing.count,
        "problems": [{"kind": p.kind, "count": p.count, "files": list(p.files)} for p in problems],
    }


def _lonely(records: Sequence[Record]) -> list[Problem]:
    lonely = [
        str(record.path)
        for record in records
        if record.pairing != Pairing.UNPAIRED and not (record.has_source_file and record.has_target)
    ]
    return [Problem.of(MISSING_PARTNER, lonely)] if lonely else []


def _bands(records: Sequence[Record], card: Band | None, found: set[Band | None]) -> list[Problem]:
    """Add to ``found`` what is stated of the sources; a file that states nonsense is a problem."""
    try:
        found |= bands_of([record.source for record in records if record.has_source_file], card)
    except NirganError as error:
        return [Problem.of(str(error), [SIDECAR])]
    return []


def _headers(records: Sequence[Record], on_progress: Callable[[int, int], None]) -> list[Problem]:
    unreadable: list[str] = []
    unequal: list[str] = []
    for done, record in enumerate(records, start=1):
        sizes = [_size(record, side, unreadable) for side in ("source", "target")]
        if record.pairing == Pairing.REGISTERED and None not in sizes and sizes[0] != sizes[1]:
            unequal.append(str(record.path))
        on_progress(done, len(records))
    found = {UNREADABLE: list(dict.fromkeys(unreadable)), DIFFERENT_SIZES: unequal}  # two sides can be one file
    return [Problem.of(kind, files) for kind, files in found.items() if files]


def _size(record: Record, side: Side, unreadable: list[str]) -> tuple[int, int] | None:
    try:
        return size_of(record, side)
    except NirganError:
        unreadable.append(str(record.source if side == "source" else record.target))
        return None


def _with_split(records: list[Record], folder: Path | None) -> tuple[list[Record], list[Problem]]:
    """The records with what the folder's ``split.csv`` says of them; those that it leaves out as they are."""
    path = folder / "split.csv" if folder else None
    if path is None or not path.is_file():
        return records, []
    try:
        listed, problems = apply_split(records, read_split(path), path)
    except NirganError as error:
        return records, [Problem.of(str(error), [str(path)])]
    by_key = {record.key: record for record in listed}
    return [by_key.get(record.key, record) for record in records], problems
