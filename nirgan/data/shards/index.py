"""The index of a folder of shards: which sample's files lie where, in one CSV file beside the tars."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import get_args

from nirgan.data.index import SPLITS, Region
from nirgan.data.sample import Pairing
from nirgan.files import csv_bytes, write_whole

INDEX = "nirgan-index.csv"
"""Not ``index.csv``: tars of others may have one of their own beside them, and it is not ours to replace."""
FIELDS = ("set", "name", "category", "scene", "split", "pairing", "region")
"""What is said of a sample, as in ``Record``."""
_SIDES, _WHERE = ("source", "target"), ("", "_offset", "_size")
COLUMNS = (*FIELDS, "shard", *(f"{side}{what}" for side in _SIDES for what in _WHERE), "mark")
_PIECES, _PIECE = 16, 4096


@dataclass(frozen=True, slots=True)
class Member:
    """Where a file lies in a tar: its name there, its first byte, and how many there are."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample in a shard.

    Attributes:
        words: ``FIELDS`` in their order.
        shard: Name of the tar.
        source: File of the source, if there is one.
        target: File of the target, if there is one; the source's where one file holds both.
    """

    words: tuple[str, ...]
    shard: str
    source: Member | None
    target: Member | None

    @property
    def said(self) -> dict[str, str]:
        """What is said of the sample, by field."""
        return dict(zip(FIELDS, self.words, strict=True))

    @property
    def key(self) -> str:
        """``set/name``."""
        return f"{self.words[0]}/{self.words[1]}"

    @property
    def members(self) -> tuple[Member, ...]:
        """Its files, each once."""
        return tuple(dict.fromkeys(member for member in (self.source, self.target) if member))


def shards_in(folder: Path) -> list[Path]:
    """The tars of a folder by name."""
    return sorted(path for path in folder.glob("*.tar") if not path.name.startswith(".") and path.is_file())


def read_index(folder: Path) -> list[Entry] | None:
    """Entries of the index; None if there is none, or none that fits the tars beside it."""
    try:
        text = (folder / INDEX).read_bytes().decode(errors="surrogateescape")
        header, *rows = csv.reader(io.StringIO(text, newline=""))
        entries = [_entry(row) for row in rows]
        told = {(entry.shard, row[-1]) for entry, row in zip(entries, rows, strict=True)}
        tars = shards_in(folder)
        there = {(path.name, _mark(path)) for path in tars}
        sizes = {path.name: path.stat().st_size for path in tars}
    except (OSError, ValueError, csv.Error):
        return None
    fits = tuple(header) == COLUMNS and told == there
    whole = fits and all(m.offset + m.size <= sizes[entry.shard] for entry in entries for m in entry.members)
    return entries if whole else None


def write_index(folder: Path, entries: Sequence[Entry]) -> None:
    """Write the index; it appears whole or not at all."""
    marks = {name: _mark(folder / name) for name in {entry.shard for entry in entries}}
    rows = [(*e.words, e.shard, *_cells(e.source), *_cells(e.target), marks[e.shard]) for e in entries]
    write_whole(folder / INDEX, csv_bytes([COLUMNS, *rows]))


def _mark(shard: Path) -> str:
    """Tells a tar from another of its name: of its size and of pieces all over it, for reading it all takes minutes."""
    size = shard.stat().st_size
    digest = hashlib.blake2b(str(size).encode(), digest_size=8)
    with shard.open("rb") as file:
        for number in range(_PIECES):
            file.seek(max(0, size - _PIECE) * number // (_PIECES - 1))
            digest.update(file.read(_PIECE))
    return digest.hexdigest()


def is_safe(name: str) -> bool:
    """Whether a name, joined to a folder, stays below it, and is text that can be written."""
    try:
        name.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in name and not any(part in ("", ".", "..") for part in name.split("/"))


def is_member_name(name: str) -> bool:
    """Whether a name in a tar stays below the tar on every system, so that its path cannot lead to another file."""
    return is_safe(name) and "\\" not in name and not PureWindowsPath(name).anchor


def checked_words(said: Mapping[str, object]) -> tuple[str, ...]:
    """``FIELDS`` of a sample in their order.

    Raises:
        ValueError: if one is missing or cannot be what its name says.
    """
    words = tuple(value for field in FIELDS if isinstance(value := said.get(field), str))
    if len(words) != len(FIELDS):
        raise ValueError(f"its description lacks one of {', '.join(FIELDS)}")
    set_name, name, category, scene, split, pairing, region = words
    if not is_safe(set_name) or not is_safe(name):
        raise ValueError("its description gives it a name that leaves its folder")
    (category + scene).encode(errors="surrogateescape")
    known = split in ("", *SPLITS) and pairing in tuple(map(str, Pairing)) and region in get_args(Region)
    if not known:
        raise ValueError(f"its description says split '{split}', pairing '{pairing}', region '{region}'")
    return words


def _entry(row: Sequence[str]) -> Entry:
    said = dict(zip(COLUMNS, row, strict=True))
    source, target = (_member(*(said[f"{side}{what}"] for what in _WHERE)) for side in _SIDES)
    return Entry(checked_words(said), said["shard"], source, target)


def _member(name: str, offset: str, size: str) -> Member | None:
    if not name:
        return None
    member = Member(name, int(offset), int(size))
    if not is_member_name(name) or member.offset < 0 or member.size < 0:
        raise ValueError(f"{name} is no place in a tar")
    return member


def _cells(member: Member | None) -> tuple[str, str, str]:
    return (member.name, str(member.offset), str(member.size)) if member else ("", "", "")
