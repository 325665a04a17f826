"""What data holds: records (which file is whose partner), and the data set that they make up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nirgan.data.regions import NEAR_INFRARED, Region
from nirgan.data.sample import Pairing, Sample, Task
from nirgan.errors import NirganError
from nirgan.files import csv_bytes, write_whole

if TYPE_CHECKING:
    from nirgan.data.bands import Band

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
SPLIT_COLUMNS = ("set", "name", "category", "scene", "split")


@dataclass(frozen=True, slots=True)
class Record:
    """One sample's files, not yet read.

    Attributes:
        set: The set it belongs to: a folder's name.
        name: Unique in the set: the path below it without suffix.
        source: File of the source; None where there is none, or where it is computed from the target (gray2rgb).
        target: File of the target; None where there is none.
        pairing: How the two belong together.
        category: As the data names it.
        scene: Records of one scene never come into different splits.
        split: ``train``, ``val``, ``test``, or empty as long as nobody decided.
        region: Where source and target lie in their files; see ``Region``.
        rendered: Number of a built-in scene, which has no files.
    """

    set: str
    name: str
    source: Path | None
    target: Path | None
    pairing: Pairing = Pairing.REGISTERED
    category: str = ""
    scene: str = ""
    split: str = ""
    region: Region = "whole"
    rendered: int | None = None

    @property
    def key(self) -> str:
        """``set/name``, unique in the data."""
        return f"{self.set}/{self.name}"

    @property
    def path(self) -> Path:
        """The file that names the sample in messages and results."""
        return self.source or self.target or Path(self.key)

    @property
    def has_source_file(self) -> bool:
        """Whether the source is a picture of its own."""
        return self.source is not None or self.rendered is not None

    @property
    def has_target(self) -> bool:
        """Whether there is a colour picture."""
        return self.target is not None or self.rendered is not None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about the data that people should know: what kind, how many files, and which come first."""

    kind: str
    count: int
    files: tuple[str, ...]

    @classmethod
    def of(cls, kind: str, files: Sequence[str]) -> Problem:
        """Count all files, keep all names."""
        return cls(kind, len(files), tuple(files))

    def __str__(self) -> str:
        return f"{self.kind}: {self.count} ({first_of(self.files)})"


def first_of(names: Sequence[str], most: int = 5) -> str:
    """The first five names, with dots if there are more."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


@dataclass
class Data:
    """Samples by split. Nothing is decoded before ``sample`` is called.

    Attributes:
        task: ``gray2rgb`` computes each source from its target.
        pairing: The weakest pairing among the records.
        source_channels: Channels of every source.
        layouts: What was recognised, in words, one entry per folder.
        problems: What is wrong with the data but does not stop anybody.
        warn_if_split_made: How a split was made, in words; empty if none was.
        band: Chosen band of multi-band sources, from 1.
        weights_band: Band that was the source in training, for files that have so many and of which the caller says
            nothing.
        wavelength: Band of all sources, as somebody states it; see ``nirgan.data.bands``.
        full_scale: Stored value that means 1.0, if the caller knows it.
        weights_full_scale: Stored value that meant 1.0 in training; for files of which neither the caller nor they
            themselves say better.
        max_pixels: Larger pictures are refused before they are decoded.
        seed: Seed of made splits and built-in scenes.
    """

    task: Task
    pairing: Pairing
    source_channels: int
    all_records: list[Record]
    layouts: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    warn_if_split_made: str = ""
    band: int | None = None
    weights_band: int | None = None
    wavelength: Band | None = None
    full_scale: float | None = None
    weights_full_scale: float | None = None
    max_pixels: int = 400_000_000
    seed: int = 0

    @property
    def source_band(self) -> int | None:
        """Band that is the source in files of several, from 1; None if all are."""
        chosen = self.band or self.weights_band
        pairs_of_bands = chosen is None and any(record.region == "bands" for record in self.all_records)
        return NEAR_INFRARED if pairs_of_bands else chosen

    def records(self, split: str = "all") -> list[Record]:
        """The records of ``train``, ``val``, ``test`` or ``all``, in the order of their keys."""
        if split not in (*SPLITS, "all"):
            raise NirganError(f"no split '{split}'; there are train, val, test and all")
        return [record for record in self.all_records if split in ("all", record.split)]

    def sources(self, split: str = "all") -> list[Record]:
        """Records that have a source (for gray2rgb: a target to compute it from)."""
        return [record for record in self.records(split) if self.has_source(record)]

    def targets(self, split: str = "all") -> list[Record]:
        """Records that have a target."""
        return [record for record in self.records(split) if record.has_target]

    def pairs(self, split: str = "all") -> list[Record]:
        """Records that have both."""
        return [record for record in self.sources(split) if record.has_target]

    def has_source(self, record: Record) -> bool:
        """Whether a source can be had for this record."""
        return record.has_target if self.task == "gray2rgb" else record.has_source_file

    def sample(self, record: Record) -> Sample:
        """Read one record whole.

        Raises:
            NirganError: if a file cannot be read or converted, the record has no source, or the sizes of a registered
                pair differ; the file is named.
        """
        from nirgan.data.pictures import read_sample

        return read_sample(self, record)

    def write_split(self, path: Path) -> None:
        """Write the split as CSV (set, name, category, scene, split); the file appears whole or not at all."""
        rows = [[getattr(record, column) for column in SPLIT_COLUMNS] for record in self.all_records]
        write_whole(path, csv_bytes([SPLIT_COLUMNS, *rows]))

    def fingerprint(self, split: str = "all") -> str:
        """Sixteen hex digits that change when a record of the split comes or goes, or a byte of its files changes.

        Reads every file of the split, so it is for evaluation, not for training. Files that cannot be read are noted.
        """
        digest = hashlib.sha256(f"{self.task} {self.band or self.weights_band} {self.full_scale}\n".encode())
        for record in self.records(split):
            files = dict.fromkeys(file for file in (record.source, record.target) if file)
            content = f"seed {self.seed}" if record.rendered is not None else " ".join(map(_content, files))
            line = f"{record.key} {record.split} {record.region} {record.pairing} {content}\n"
            digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()[:16]


def _content(file: Path) -> str:
    from nirgan.data.contents import read_bytes

    try:
        return hashlib.sha256(read_bytes(file)).hexdigest()
    except OSError:
        return "unreadable"


def different_sizes(pairs: Sequence[tuple[Record, Sequence[int], Sequence[int]]]) -> str:
    """Words for registered pairs whose two pictures have different sizes (height, width)."""
    words = [f"{r.key} ({s[1]}×{s[0]} and {t[1]}×{t[0]})" for r, s, t in pairs]
    return (
        f"{len(pairs)} registered pair{'s' if len(pairs) > 1 else ''} of two sizes, first: {first_of(words)}. "
        "Crop them alike, or use --pairing unregistered (same scene) or --pairing unpaired"
    )
