"""What is in a folder and what is wrong with it, from names and headers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nirgan.data.index import Problem, Record
from nirgan.data.open import read_spec, take_apart
from nirgan.data.pictures import Side
from nirgan.data.sample import Pairing
from nirgan.data.sizes import size_of
from nirgan.data.split import apply_split, read_split
from nirgan.errors import NirganError


def inspect(specs: Sequence[str]) -> dict[str, Any]:
    """Look at folders or cards without decoding pictures.

    Returns:
        ``layout`` in words, ``pairing`` (the weakest), ``count`` (pairs, or pictures where there are none), and
        ``problems``: a list of ``kind``, ``count``, ``files``.

    Raises:
        NirganError: if a folder is missing, empty, or in no known layout.
    """
    records: list[Record] = []
    problems: list[Problem] = []
    words: list[str] = []
    for spec in specs:
        found, folder = read_spec(spec, taken={record.set for record in records})
        words.append(found.words)
        problems += found.problems + _lonely(found.records) + _headers(found.records) + _split(found.records, folder)
        records += found.records
    paired = [record for record in records if record.has_source_file and record.has_target]
    pairing = max((record.pairing for record in records), key=list(Pairing).index)
    return {
        "layout": "; ".join(words),
        "pairing": str(pairing),
        "count": sum(len(take_apart(r)) for r in records) if pairing == Pairing.UNPAIRED else len(paired),
        "problems": [{"kind": p.kind, "count": p.count, "files": list(p.files)} for p in problems],
    }


def _lonely(records: Sequence[Record]) -> list[Problem]:
    lonely = [
        str(record.path)
        for record in records
        if record.pairing != Pairing.UNPAIRED and not (record.has_source_file and record.has_target)
    ]
    return [Problem.of("missing partner", lonely)] if lonely else []


def _headers(records: Sequence[Record]) -> list[Problem]:
    unreadable: list[str] = []
    unequal: list[str] = []
    for record in records:
        sizes = [_size(record, side, unreadable) for side in ("source", "target")]
        if record.pairing == Pairing.REGISTERED and None not in sizes and sizes[0] != sizes[1]:
            unequal.append(str(record.path))
    found = {"unreadable": list(dict.fromkeys(unreadable)), "different sizes": unequal}  # two sides can be one file
    return [Problem.of(kind, files) for kind, files in found.items() if files]


def _size(record: Record, side: Side, unreadable: list[str]) -> tuple[int, int] | None:
    try:
        return size_of(record, side)
    except NirganError:
        unreadable.append(str(record.source if side == "source" else record.target))
        return None


def _split(records: Sequence[Record], folder: Path | None) -> list[Problem]:
    path = folder / "split.csv" if folder else None
    if path is None or not path.is_file():
        return []
    sides = [side for record in records for side in take_apart(record)]
    try:
        return apply_split(sides, read_split(path), path)[1]
    except NirganError as error:
        return [Problem.of(str(error), [str(path)])]
