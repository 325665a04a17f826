"""What is in tars, from their headers and the description of each sample, trusting neither."""

from __future__ import annotations

import io
import json
import logging
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nirgan.data.sample import Pairing
from nirgan.data.shards.index import (
    FIELDS,
    Entry,
    Member,
    checked_words,
    is_member_name,
    read_index,
    shards_in,
    write_index,
)

logger = logging.getLogger(__name__)

PARTS = ("nir", "rgb", "pair", "json")
"""What may stand after a sample's name; the rest of a file's name is its suffix."""
_LARGEST_HEADER = 2**20
_LARGEST_DESCRIPTION = 2**16
_END = 1024
"""Zero bytes that end a tar."""


@dataclass
class Scanned:
    """What a folder of tars holds.

    Attributes:
        entries: The samples, in the tars' order.
        problems: What was left out and why, in words, one for each file.
    """

    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def open_shards(folder: Path, set_name: str) -> Scanned:
    """The samples by the index, or by the tars where no index fits them; it is written then, if it can be.

    Args:
        folder: With tars in it.
        set_name: The set of samples that come without a description.
    """
    entries = read_index(folder)
    if entries is not None:
        return Scanned(entries)
    found = scan_shards(folder, set_name)
    if found.entries and not found.problems:  # what is wrong with the tars shall be said each time
        try:
            write_index(folder, found.entries)
        except OSError as error:
            logger.info("%s: the index cannot be written, and is made anew each time (%s)", folder, error.strerror)
    return found


def scan_shards(folder: Path, set_name: str) -> Scanned:
    """The samples by the headers of all tars; nothing of the pictures is read."""
    found = Scanned()
    seen: set[str] = set()
    for shard in shards_in(folder):
        for entry in _samples(shard, set_name, found.problems):
            if entry.key in seen:
                found.problems.append(f"{shard}: {entry.key} left out, it stands in the shards twice")
            else:
                seen.add(entry.key)
                found.entries.append(entry)
    return found


def _samples(shard: Path, set_name: str, problems: list[str]) -> Iterator[Entry]:
    """Samples of one tar: its members by what their names have in common."""
    samples: dict[str, dict[str, Member]] = {}
    try:
        for member in _members(shard, problems):
            _sort_in(member, samples, shard, problems)
    except Exception as error:  # damaged headers make tarfile raise anything
        problems.append(f"{shard}: cut or damaged, what follows is left out ({error}); copy it again")
        if samples:
            samples.popitem()  # the last one may lack a file
    for key, parts in samples.items():
        try:
            yield _entry(shard, key, parts, set_name)
        except (OSError, ValueError, RecursionError) as error:
            problems.append(f"{shard}: {key}: left out, {error}")


def _sort_in(member: Member, samples: dict[str, dict[str, Member]], shard: Path, problems: list[str]) -> None:
    folder, slash, file = member.name.rpartition("/")
    stem, _, ending = file.partition(".")
    part = ending.lower().partition(".")[0]
    if part not in PARTS:  # of no use here: captions, masks
        return
    parts = samples.setdefault(f"{folder}{slash}{stem}", {})
    if part in parts:
        problems.append(f"{shard}: {member.name}: left out, a second file of that sample and kind")
    parts.setdefault(part, member)


def _entry(shard: Path, key: str, parts: dict[str, Member], set_name: str) -> Entry:
    pair = parts.get("pair")
    source, target = parts.get("nir", pair), parts.get("rgb", pair)
    if source is None and target is None:
        raise ValueError("no picture belongs to its description")
    if "json" in parts:
        words = checked_words(_description(shard, parts["json"]))
    else:  # tars of others: pairs by name
        pairing = Pairing.REGISTERED if source and target else Pairing.UNPAIRED
        category = key.partition("/")[0] if "/" in key else ""
        words = checked_words(dict(zip(FIELDS, (set_name, key, category, "", "", str(pairing), "whole"), strict=True)))
    if (words[FIELDS.index("region")] == "whole") == (pair is not None):
        raise ValueError("its description and its files disagree on whether one file holds both pictures")
    return Entry(words, shard.name, source, target)


def _description(shard: Path, member: Member) -> dict[str, object]:
    if member.size > _LARGEST_DESCRIPTION:
        raise ValueError(f"a description of {member.size:,} bytes")
    with shard.open("rb") as file:
        file.seek(member.offset)
        said = json.loads(file.read(member.size))
    if not isinstance(said, dict):
        raise ValueError("its description is no JSON object")
    return said


def _members(shard: Path, problems: list[str]) -> Iterator[Member]:
    """Plain files of a tar with safe names; other files are named among the problems.

    Raises:
        Exception: of any kind, where the tar is cut or damaged.
    """
    size = shard.stat().st_size
    with _Headers(shard) as file, tarfile.open(fileobj=file, mode="r:") as tar:
        while (header := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # it would keep them all
            if header.size < 0 or tar.offset <= header.offset:  # a negative size leads tarfile round in circles
                raise tarfile.ReadError(f"{header.name} has {header.size} bytes")
            if why := _refused(header):
                problems.append(f"{shard}: {header.name}: left out, {why}")
            elif header.isreg():
                if (end := header.offset_data + header.size) > size:
                    raise tarfile.ReadError(f"{header.name} would end at byte {end:,} of {size:,}")
                yield Member(header.name, header.offset_data, header.size)
        file.seek(tar.offset)
        end_marks = file.read(_END)
        if len(end_marks) < _END or any(end_marks):
            raise tarfile.ReadError("its end is missing")


def _refused(header: tarfile.TarInfo) -> str:
    """Why a member is not taken; empty if it is, or is a folder, which says nothing."""
    if header.isdir():
        return ""
    if header.issym() or header.islnk():
        return "it is a link"
    if not header.isreg() or header.issparse():
        return "it is no plain file"
    return "" if is_member_name(header.name) else "its name leads out of the tar"


class _Headers(io.FileIO):
    """A tar of which headers are read and no more: who asks for more at once follows a hostile header."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as ``io.FileIO`` does; raises tarfile.ReadError for more than a header can be."""
        if size is None or not 0 <= size <= _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return super().read(size) or b""
