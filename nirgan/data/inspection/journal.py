"""What was seen of each pair, kept in a file, so that a pair whose files have not changed is not decoded again.

A line of JSON a pair, added as soon as it has been looked at. What no longer holds stays and is passed over, as is a
line that was cut when a process was killed. Each is found by a stamp: of the names, sizes and times of the pair's
files, and of what is measured in them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nirgan.data.contents import size_and_time
from nirgan.data.duplicates import Fingerprint
from nirgan.data.index import Record
from nirgan.data.inspection.look import Look, PairLook, SideLook

MEASURES = 3
"""Number of what is measured and how; a look of another number is forgotten."""


def stamp_of(record: Record, band: int | None = None) -> str:
    """Changes with the record's files and the band that is chosen; empty where it has none that can be asked."""
    digest = hashlib.blake2b(f"{MEASURES} {record.pairing} {record.region} {band}".encode(), digest_size=16)
    for path in (record.source, record.target):
        if path is None:
            digest.update(b" none")
            continue
        try:
            size, time = size_and_time(path)
        except OSError:
            return ""
        digest.update(f" {size} {time} ".encode() + os.fsencode(path.absolute()))
    return "" if record.rendered is not None else digest.hexdigest()


def read_journal(path: Path | None) -> dict[str, Look]:
    """Looks by stamp; none if there is no file, without the lines that do not hold one."""
    if path is None or not path.is_file():
        return {}
    looks = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
                looks[str(entry["stamp"])] = _look(entry)
            except (ValueError, KeyError, TypeError):  # cut, or of another version
                continue
    return looks


@contextmanager
def open_journal(path: Path | None) -> Iterator[Callable[[str, Look], None]]:
    """Gives a function that adds a look to the file; what failed, or has no stamp, will be looked at again."""
    if path is None:
        yield lambda stamp, look: None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n")  # ends a line that was cut

        def add(stamp: str, look: Look) -> None:
            if stamp and not look.failed:
                entry = {"stamp": stamp, **asdict(look)}
                file.write(json.dumps(entry, separators=(",", ":")) + "\n")
                file.flush()

        yield add


def _look(entry: dict[str, Any]) -> Look:
    pair = entry["pair"]
    return Look(_side(entry["source"]), _side(entry["target"]), PairLook(**pair) if pair else None, failed={})


def _side(entry: dict[str, Any] | None) -> SideLook | None:
    if entry is None:
        return None
    told = entry["fingerprint"]
    fingerprint = Fingerprint(told["exact"], tuple(told["phash"]), tuple(told["dhash"]))
    return SideLook(**{**entry, "fingerprint": fingerprint})
