"""Decoded pictures on disk, mapped into memory, so that later epochs and later runs decode nothing.

A file a picture: its numbers as training cuts crops from them, uncompressed, after a page that says what they are. A
crop then costs the pages it lies on, which all processes share, and the system gives back when it needs memory. Single
files (in 256 folders) need no index that a killed process could leave wrong, and one picture's file appears whole by a
rename; 100,000 of them open in microseconds each.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from nirgan import __version__
from nirgan.data.contents import size_and_time
from nirgan.data.files import Picture
from nirgan.data.index import Data, Record
from nirgan.data.pictures import Side

logger = logging.getLogger(__name__)

_FORMAT = 1
_HEADER = 4096
"""Bytes before the pixels: a page of memory, so that they begin on one."""
_SUFFIX, _USED, _LOCK = ".pixels", "used.txt", ".lock"
_VERSIONS = "pixels-"
"""How the folders begin that hold what one version of this package has kept."""
_PATIENCE_S, _REFUSALS = 1.0, 60
"""What another process does in the folder is waited for so long; so often in a row, and no longer tried."""


class Prepared(NamedTuple):
    """A picture that is ready to be cut.

    Attributes:
        picture: As ``prepare_source`` or ``prepare_target`` gives it; its metadata is not kept.
        scale: Value in the file that became 1.0.
    """

    picture: Picture
    scale: float


class DiskCache:
    """Decoded pictures in a folder that any number of processes and runs share; first come, first kept.

    Nothing is ever thrown out, for the reason that ``PictureCache`` names, so that a full folder stays what it is until
    somebody removes it, or another version of this package begins to use it. Entries are found by the file's path, size
    and time of writing and by all settings that its preparation depends on: what changed is decoded again. Where the
    folder cannot be written, or the disk or the limit is full, files are decoded as without it; that is said once.

    Args:
        folder: Made if it is not there.
        limit_mb: At most so many MiB are kept in it.
        tidy: Put right what killed processes, other versions and people's own hands left; one process of a run does.
    """

    def __init__(self, folder: Path, limit_mb: float, *, tidy: bool = True) -> None:
        self.folder = folder
        self.limit_bytes = int(limit_mb * 2**20)
        self._entries = folder / f"{_VERSIONS}{_FORMAT}-{__version__}"
        self._writes, self._refusals = True, 0
        if tidy:
            self._alone(self._tidy)

    def prepared(self, data: Data, record: Record, side: Side, prepare: Callable[[], Prepared]) -> Prepared:
        """The picture of one side of a record as it was kept, or as ``prepare`` makes it, kept from then on.

        Built-in scenes have no file and are not kept.
        """
        try:
            path = None if record.rendered is not None else self._path(key_of(data, record, side))
        except OSError:  # the file is not there; who reads it says so
            path = None
        if path is None:
            return prepare()
        kept = _mapped(path)
        if kept is None:
            kept = made = prepare()
            if self._writes:
                self._keep(path, made)
        return kept

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self._entries / name[:2] / f"{name[2:]}{_SUFFIX}"

    def _alone(self, work: Callable[[], None]) -> None:
        """Do something to the folder while no other process does; leave it undone if one is long at it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / _LOCK).acquire(timeout=_PATIENCE_S, poll_interval=0.005):
                self._refusals = 0
                work()
        except Timeout:
            self._refusals += 1
            if self._refusals == _REFUSALS:
                self._stop("is always locked by another process")
        except (OSError, NotImplementedError) as error:
            self._stop_for(error)

    def _stop(self, why: str) -> None:
        self._writes = False
        logger.warning("%s: %s; pictures that are not in it are decoded each time", self.folder, why)

    def _stop_for(self, error: Exception) -> None:
        self._stop(f"cannot be written ({getattr(error, 'strerror', None) or error})")

    def _keep(self, path: Path, made: Prepared) -> None:
        """Write a picture beside its place, for which nobody need wait, then let it appear there if there is room."""
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside.open("wb") as file:
                file.write(_header(made))
                file.write(np.ascontiguousarray(made.picture.pixels).data)
            self._alone(partial(self._admit, beside, path, _HEADER + made.picture.pixels.nbytes))
        except OSError as error:
            self._stop_for(error)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)

    def _admit(self, beside: Path, path: Path, size: int) -> None:
        if _mapped(path) is not None:  # another process was faster
            return
        used = self._used()
        if used + size > self.limit_bytes:
            self._stop(
                f"full at {self.limit_bytes / 2**20:,.0f} MiB: raise dataset.disk_cache_mb, or remove it if it holds "
                "pictures of other data, or of files as they were earlier"
            )
            return
        self._note_used(used + size)  # before: a killed process may leave too much counted
        try:
            beside.replace(path)
        except FileNotFoundError:  # a run that began just now took it for what a killed one left
            self._note_used(used)

    def _used(self) -> int:
        try:
            return int((self.folder / _USED).read_text())
        except (FileNotFoundError, ValueError):
            return self._count()

    def _note_used(self, used: int) -> None:
        (self.folder / _USED).write_text(str(used))

    def _tidy(self) -> None:
        """Remove what was not finished, and what other versions kept; add up the rest."""
        for other in self.folder.glob(f"{_VERSIONS}*"):
            if other != self._entries:
                shutil.rmtree(other, ignore_errors=True)
        for entry in _files(self._entries):
            if entry.name.endswith(".part"):
                Path(entry.path).unlink(missing_ok=True)
        self._note_used(self._count())

    def _count(self) -> int:
        return sum(entry.stat().st_size for entry in _files(self._entries) if entry.name.endswith(_SUFFIX))


def key_of(data: Data, record: Record, side: Side) -> str:
    """All that one side of a record, as it is prepared, depends on.

    Raises:
        OSError: if its file is not there.
    """
    path = record.source if side == "source" else record.target
    assert path is not None, record.key
    place = os.path.abspath(path)  # noqa: PTH100  # resolve() asks the disk for each part of it
    # In a file of bands the target is what the source is not.
    banded = side == "source" or record.region == "bands"
    bands = (data.band, data.weights_band, data.source_channels) if banded else ()
    # What is refused for its size is refused with the cache, too.
    scales = (data.full_scale, data.weights_full_scale)
    settings = (side, data.task, record.region, data.max_pixels, *scales, *bands)
    return json.dumps([place, *size_and_time(path), *settings])


def _header(prepared: Prepared) -> bytes:
    picture = prepared.picture
    said = {
        "dtype": picture.pixels.dtype.str,
        "shape": picture.pixels.shape,
        "full_scale": picture.full_scale,
        "type_maximum": picture.type_maximum,
        "scale": prepared.scale,
    }
    return json.dumps(said).encode().ljust(_HEADER)


def _mapped(path: Path) -> Prepared | None:
    """What a file of the cache holds, its pixels mapped for reading; None if it is not there or not whole."""
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        said = json.loads(content[:_HEADER])
        pixels = np.frombuffer(content, np.dtype(said["dtype"]), offset=_HEADER).reshape(said["shape"])
        picture = Picture(pixels, said["full_scale"], type_maximum=said["type_maximum"])
        return Prepared(picture, said["scale"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    if not folder.is_dir():
        return
    with os.scandir(folder) as below:
        folders = [entry.path for entry in below if entry.is_dir()]
    for path in folders:
        with os.scandir(path) as entries:
            yield from entries
