"""Leaks of a split: a scene, or a file, in more than one of its parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nirgan.data.index import SPLITS, Record, first_of
from nirgan.data.told import told
from nirgan.errors import NirganError

REMEDY = "give each scene to one part, or write another split: nirgan data split DIR --out split.csv"
_SHOWN = 2
"""Files of each part that a message names."""
Thing = tuple[str, object]
"""What two records may share: what it is in words, and what tells it from others."""


@dataclass(frozen=True)
class Leak:
    """What is in more than one part of a split.

    Attributes:
        what: ``scene 'NAME'``, or ``one file``, whatever links lead to it.
        files: That show it, by split.
    """

    what: str
    files: Mapping[str, Sequence[Path]]

    def __str__(self) -> str:
        parts = [f"{split} ({first_of(list(map(str, files)), _SHOWN)})" for split, files in self.files.items()]
        return f"{self.what} is in {' and in '.join(parts)}"


def find_leaks(records: Iterable[Record]) -> list[Leak]:
    """Scenes, by their names, and files, whatever links lead to them, that are in more than one split.

    A scene's name means one scene in all of the records. Records without a split are in no part.
    """
    split = [record for record in records if record.split]
    if len({record.split for record in split}) < 2:
        return []
    return [leak for things in (_scenes, _files) for leak in _in_several(split, things)]


def refuse_leaks(records: Iterable[Record], where: object, remedy: str = REMEDY) -> None:
    """Raise NirganError if a split leaks: where it is from, what leaks, the files and what to do."""
    leaks = find_leaks(records)
    if leaks:
        more = f" (the first of {len(leaks)} leaks)" if len(leaks) > 1 else ""
        raise NirganError(f"{where}: {leaks[0]}{more}, which makes scores worthless: {remedy}")


def sharing_a_file(records: Iterable[Record]) -> list[list[str]]:
    """Keys of records that share a file, whatever links lead to it, in groups of two or more."""
    keys: dict[Thing, list[str]] = {}
    for record in records:
        for file, _ in _files(record):
            keys.setdefault(file, []).append(record.key)
    return [some for some in keys.values() if len(some) > 1]


def _scenes(record: Record) -> Iterator[tuple[Thing, Path]]:
    if record.scene:
        yield (f"scene '{record.scene}'", None), record.path


def _files(record: Record) -> Iterator[tuple[Thing, Path]]:
    for path in dict.fromkeys(file for file in (record.source, record.target) if file):
        try:
            there = path.stat()  # follows symbolic links; hard ones share the number
        except OSError:
            continue  # training and evaluation name what cannot be read
        if there.st_ino:  # some network disks number nothing
            yield ("one file", (there.st_dev, there.st_ino)), path


def _in_several(records: Sequence[Record], things: Callable[[Record], Iterator[tuple[Thing, Path]]]) -> list[Leak]:
    """Leaks among the things that each record shows, in the order in which they come."""
    first: dict[Thing, str] = {}
    leaking = {
        thing
        for record in told(records, "looking for files in two parts of the split")
        for thing, _ in things(record)
        if first.setdefault(thing, record.split) != record.split
    }
    files: dict[Thing, dict[str, list[Path]]] = {}
    for record in records if leaking else ():
        for thing, path in things(record):
            if thing in leaking:
                files.setdefault(thing, {split: [] for split in SPLITS})[record.split].append(path)
    return [Leak(thing[0], {split: some for split, some in parts.items() if some}) for thing, parts in files.items()]
