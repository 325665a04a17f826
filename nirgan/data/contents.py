"""The bytes of a picture's file wherever it lies: in a folder, or in a tar as ``DIR/shard-000000.tar/SET/NAME.png``."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nirgan.data.shards.index import Entry

_Places = dict[str, dict[str, tuple[int, int]]]
_INDEXES: dict[Path, _Places] = {}
"""(offset, size) by shard and member, of the folders whose shards this process reads. A path must be enough to open a
file in any process, and an index of 100,000 samples is not read for each of them."""


def remember(folder: Path, entries: Iterable[Entry]) -> None:
    """Take these entries for the index of a folder's shards from now on."""
    places: _Places = {}
    for entry in entries:
        shard = places.setdefault(entry.shard, {})
        for member in entry.members:
            shard[member.name] = (member.offset, member.size)
    _INDEXES[folder] = places


def shard_of(path: Path) -> Path | None:
    """The tar that a path leads into; None for a file of its own."""
    if f".tar{os.sep}" not in str(path):
        return None
    return next((parent for parent in path.parents if parent.suffix == ".tar" and parent.is_file()), None)


def read_bytes(path: Path) -> bytes:
    """A file's bytes, or those of a member of a tar.

    Raises:
        OSError: if it is not there, cannot be read, or its tar is cut.
    """
    shard = shard_of(path)
    if shard is None:
        return path.read_bytes()
    offset, size = _place(shard, path)
    with shard.open("rb") as file:
        file.seek(offset)
        content = file.read(size)
    if len(content) < size:
        raise OSError(errno.EIO, "its tar is cut; copy it again", str(path))
    return content


def size_and_time(path: Path) -> tuple[int, int]:
    """Bytes of a file and when it was last written, in ns; for a member of a tar, when the tar was.

    Raises:
        OSError: if it is not there.
    """
    shard = shard_of(path)
    if shard is None:
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    return _place(shard, path)[1], shard.stat().st_mtime_ns


def _place(shard: Path, path: Path) -> tuple[int, int]:
    folder = shard.parent
    if folder not in _INDEXES:  # a worker that was spawned, or a path that somebody typed
        from nirgan.data.shards.scan import open_shards

        remember(folder, open_shards(folder, folder.name).entries)
    place = _INDEXES[folder].get(shard.name, {}).get(path.relative_to(shard).as_posix())
    if place is None:
        raise FileNotFoundError(errno.ENOENT, "the index of its shards does not name it", str(path))
    return place
