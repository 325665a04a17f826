"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

PARTS = ".*.part"
"""Names of files that are being written."""
_LOST = (errno.EIO, errno.ENOSPC, errno.EDQUOT)
"""What a sync answers when something may not be on the disk; anything else, that folders cannot be synced there."""


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut (a no-op where folders cannot be synced).

    Raises:
        OSError: if the disk refuses; with ``folder`` as its file name.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in _LOST:
            error.filename = str(folder)
            raise
    finally:
        os.close(handle)


def write_synced(path: Path, content: bytes) -> None:
    """Write a file and wait until it is on the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, content: bytes) -> None:
    """Write beside ``path``, sync, rename: a reader sees the old file or the new one, never a part.

    Raises:
        OSError: with ``path`` as its file name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write_synced(beside, content)
        beside.replace(path)
    except OSError as error:
        error.filename, error.filename2 = str(path), None  # a write that fails names no file
        raise
    finally:
        beside.unlink(missing_ok=True)
    sync_folder(path.parent)


def csv_bytes(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV; file names among them need not be UTF-8, and may hold line ends."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    # Before Python 3.13 a lone carriage return stays unquoted, and what was written cannot be read.
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        (quoted if any("\r" in str(cell) for cell in row) else plain).writerow(row)
    return text.getvalue().encode(errors="surrogateescape")


def remove_parts(folder: Path) -> None:
    """Remove what killed processes left half written in a folder and its subfolders; nobody may write there now."""
    for beside in folder.rglob(PARTS):
        beside.unlink(missing_ok=True)
