"""Pack a folder of pictures into shards, file by file as they are."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from nirgan.data.bands import Band, bands_of, in_words, write_sidecar
from nirgan.data.contents import read_bytes, size_and_time
from nirgan.data.index import Problem, Record
from nirgan.data.layouts import Found
from nirgan.data.open import read_spec, take_apart
from nirgan.data.shards.index import FIELDS, Entry, write_index
from nirgan.data.shards.scan import scan_shards
from nirgan.data.split import apply_split, read_split
from nirgan.errors import NirganError
from nirgan.files import remove_parts, sync_folder, write_whole
from nirgan.lock import alone

_SPLIT = "split.csv"


@dataclass
class Packed:
    """What was packed.

    Attributes:
        shards: Number of tars.
        samples: Samples in them.
        bytes: Of their files.
        failed: (file, why) of what could not be read; its samples are left out.
        problems: What else is wrong with the data, in words.
    """

    shards: int
    samples: int
    bytes: int
    failed: list[tuple[str, str]]
    problems: list[str]


def write_shards(
    spec: str, out: Path, *, shard_mb: float = 500, show: Callable[[int, int], None] = lambda done, total: None
) -> Packed:
    """Pack what a ``--data`` names into a new folder of shards.

    They are written into a folder beside ``out`` that gets its name when all is in it. Interrupted, the same call goes
    on after the last whole shard, unless files were changed since.

    Args:
        spec: A folder, ``LAYOUT:FOLDER`` or the name of a card.
        out: The folder to make.
        shard_mb: A shard is closed when it holds so many MiB.
        show: Told the samples done and of all.

    Raises:
        NirganError: if webdataset is missing, ``out`` holds something, cannot be written or is being written by another
            process, or the data has no files.
    """
    _writer_class()  # before anything is read
    found, folder = read_spec(spec)
    if folder is None:
        raise NirganError(f"--data {spec}: has no files to pack; write some with `nirgan data synth`")
    out = Path(os.path.abspath(out))  # noqa: PTH100  # as it is called, links and all
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise NirganError(f"{out}: is there already; name a new folder")
    records, problems = _split(found.records, folder / _SPLIT)
    records = sorted(records, key=lambda record: record.key)
    band, more = _band(records, found)
    part = out.with_name(f".{out.name}.part")
    try:
        with alone(out, out.with_name(f".{out.name}.lock")):  # beside it, as all is until it is whole
            failed = _fill(part, records, shard_mb, show)
            packed = _finish(part, failed, [str(problem) for problem in found.problems + problems + more])
            if (folder / _SPLIT).is_file():
                write_whole(part / _SPLIT, (folder / _SPLIT).read_bytes())
            if band:
                write_sidecar(part, band)
            if out.exists():
                out.rmdir()  # empty, see above
            part.replace(out)
            sync_folder(out.parent)
    except OSError as error:
        raise NirganError(
            f"{out}: cannot be written ({error.strerror or error}); the shards that are whole stay in {part}, and the "
            "same command goes on from there"
        ) from None
    return packed


def _band(records: Sequence[Record], found: Found) -> tuple[Band | None, list[Problem]]:
    """The one band of all sources, as their folders or a card state it; None and words where there are several."""
    bands = bands_of([record.source for record in records if record.source], found.wavelength)
    if len(bands) < 2:
        return (bands.pop() if bands else None), []
    stated = sorted(in_words(band) if band else "not said" for band in bands)
    return None, [Problem.of("several bands, so that the shards say none: pack them apart", stated)]


def _split(records: list[Record], table: Path) -> tuple[list[Record], list[Problem]]:
    """Records that a split file lists, with what it says of them; all as they are where there is no such file.

    The two sides of an unpaired record may be listed in two splits: then it gets none, and the copied file decides.
    """
    if not table.is_file():
        return records, []
    kept, problems = apply_split([side for record in records for side in take_apart(record)], read_split(table), table)
    listed = {side.key: side for side in kept}
    known = []
    for record in records:
        sides = [listed[side.key] for side in take_apart(record) if side.key in listed]
        if sides:
            split = sides[0].split if len({side.split for side in sides}) == 1 else ""
            known.append(replace(record, split=split, category=sides[0].category, scene=sides[0].scene))
    return known, problems


def _fill(
    part: Path, records: Sequence[Record], shard_mb: float, show: Callable[[int, int], None]
) -> list[tuple[str, str]]:
    """Write the shards that are not there yet; returns what could not be read."""
    part.mkdir(parents=True, exist_ok=True)
    remove_parts(part)
    done = _done(part, records)
    failed: list[tuple[str, str]] = []
    waiting = [record for record in records if record.key not in done]
    if waiting:
        shards = _Shards(part, first=len(list(part.glob("*.tar"))), shard_mb=shard_mb)
        try:
            for number, record in enumerate(waiting, start=len(done) + 1):
                try:
                    files = {ending: read_bytes(path) for ending, path in _files(record).items()}
                except OSError as error:
                    failed.append((str(error.filename or record.path), error.strerror or str(error)))
                else:
                    shards.add({"__key__": _member_key(record), "json": _description(record), **files})
                show(number, len(records))
        except BaseException:
            shards.abandon()
            raise
        shards.close()
    return failed


def _done(part: Path, records: Iterable[Record]) -> set[str]:
    """Keys of the samples in shards that an interrupted run left; if one is not as it is now, all begins anew."""
    left = scan_shards(part, "")
    by_key = {record.key: record for record in records}
    if left.problems or not all(_is_as_packed(part, entry, by_key.get(entry.key)) for entry in left.entries):
        shutil.rmtree(part)
        part.mkdir()
        return set()
    return {entry.key for entry in left.entries}


def _is_as_packed(part: Path, entry: Entry, record: Record | None) -> bool:
    if record is None or entry.said != _said(record):
        return False
    packed = (part / entry.shard).stat().st_mtime_ns
    try:
        now = {f"{_member_key(record)}.{ending}": size_and_time(path) for ending, path in _files(record).items()}
    except OSError:
        return False
    unchanged = all(written <= packed for _, written in now.values())
    return unchanged and {member.name: member.size for member in entry.members} == {
        name: size for name, (size, _) in now.items()
    }


def _finish(part: Path, failed: list[tuple[str, str]], problems: list[str]) -> Packed:
    """Read the shards back and write their index."""
    written = scan_shards(part, "")
    if written.problems:
        raise NirganError(f"what was written does not read back, is the disk sound? {written.problems[0]}")
    if not written.entries:
        path, why = failed[0]
        shutil.rmtree(part)
        raise NirganError(f"none of the samples can be read, the first because: {path}: {why}")
    write_index(part, written.entries)
    size = sum(member.size for entry in written.entries for member in entry.members)
    return Packed(len({entry.shard for entry in written.entries}), len(written.entries), size, failed, problems)


def _files(record: Record) -> dict[str, Path]:
    """A sample's files by what stands after its name in the tar."""
    if record.region != "whole" and record.source == record.target:
        parts = {"pair": record.source}
    else:
        parts = {"nir": record.source, "rgb": record.target}
    return {f"{part}{path.suffix.lower()}": path for part, path in parts.items() if path is not None}


def _said(record: Record) -> dict[str, str]:
    return {name: str(getattr(record, name)) for name in FIELDS}


def _description(record: Record) -> bytes:
    return json.dumps(_said(record)).encode()


def _member_key(record: Record) -> str:
    # webdataset ends a sample's name at the first dot; names must be safe on every system, and need not be UTF-8.
    return quote(record.key, safe="/", errors="surrogateescape").replace(".", "%2E")


def _writer_class() -> Any:
    try:
        from webdataset.writer import ShardWriter
    except ImportError:
        raise NirganError("shards are written by webdataset, which is not here: pip install 'nirgan[shards]'") from None
    return ShardWriter


class _Shards:
    """webdataset's writer, whose shards get their names when they are whole and on the disk.

    Args:
        folder: Of the shards.
        first: Number of the first.
        shard_mb: Size at which one is closed.
    """

    def __init__(self, folder: Path, *, first: int, shard_mb: float) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._writer = _writer_class()(
            "shard-%06d.tar",
            maxsize=shard_mb * 2**20,
            post=self._whole,
            start_shard=first,
            verbose=0,
            opener=self._open,
            encoder=False,
            mtime=0,  # the same pictures give the same bytes
            user="",
            group="",
        )

    def add(self, sample: Mapping[str, Any]) -> None:
        """Write one sample: bytes by what stands after its name."""
        self._writer.write(sample)

    def close(self) -> None:
        """End the last shard; one without samples is none."""
        if self._writer.count:
            self._writer.close()
        else:
            self.abandon()

    def abandon(self) -> None:
        """Remove the shard that is not whole."""
        if self._file is None:
            return
        with suppress(Exception):
            self._writer.tarstream.close()  # a stream that is left open writes its end when it is collected
        with suppress(OSError):
            self._file.close()
        self._beside.unlink(missing_ok=True)

    def _open(self, name: str) -> BinaryIO:
        self._beside = self._folder / f".{name}.{os.getpid()}.part"
        self._file = self._beside.open("wb")
        return self._file

    def _whole(self, name: str) -> None:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._beside.replace(self._folder / name)
        self._file = None
