"""Folders of folders: several sets side by side, or one under ``train/``, ``val/`` and ``test/``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from nirgan.data.index import Problem
from nirgan.data.layouts import Found, Layout, find_layout
from nirgan.data.scan import folders
from nirgan.errors import NirganError
from nirgan.registry import DATASETS

_SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@DATASETS.register("splits")
class Splits(Layout):
    """``train/``, ``val/``, ``test/``, each in any other layout; names begin with the folder because stems repeat."""

    rank: ClassVar[int] = 10
    holds_sets: ClassVar[bool] = True
    summary: ClassVar[str] = "train/ val/ test/, each in one of the other layouts"

    def recognise(self, folder: Path) -> bool:
        """There is ``train/`` or ``test/``, and it is in a known layout."""
        below = folders(folder)
        return any(name in below and find_layout(below[name], without=("splits",)) for name in ("train", "test"))

    def read(self, folder: Path, set_name: str) -> Found:
        """Read each split's folder in its layout."""
        found = []
        for name, path in folders(folder).items():
            layout = find_layout(path, without=("splits",)) if name in _SPLIT_FOLDERS else None
            if layout is None:
                continue
            part = layout.read(path, set_name)
            part.records = [
                replace(record, name=f"{name}/{record.name}", split=_SPLIT_FOLDERS[name]) for record in part.records
            ]
            part.words = f"{name}/: {part.words}"
            found.append(part)
        return _together(folder, found)


@DATASETS.register("sets")
class Sets(Layout):
    """Sets of pairs one level down, with or without a ``split.csv`` beside them; each folder names its set."""

    rank: ClassVar[int] = 60
    holds_sets: ClassVar[bool] = True
    summary: ClassVar[str] = "several sets of pairs one level down, with a split.csv beside them"

    def recognise(self, folder: Path) -> bool:
        """At least one folder below holds pairs."""
        return any(find_layout(path, without=("sets", "photographs")) for path in folders(folder).values())

    def read(self, folder: Path, set_name: str) -> Found:
        """Read every folder below that holds pairs; name those that do not."""
        found, left_out = [], []
        for path in folders(folder).values():
            layout = find_layout(path, without=("sets", "photographs"))
            if layout is None:
                left_out.append(str(path))
            else:
                part = layout.read(path, path.name)
                part.words = f"{path.name}/: {part.words}"
                found.append(part)
        together = _together(folder, found)
        if left_out:
            together.problems.append(Problem.of("folders without pairs, left out", left_out))
        return together


def _together(folder: Path, found: list[Found]) -> Found:
    if not found:
        raise NirganError(f"{folder}: none of its folders is in a known layout; see `nirgan data list`")
    return Found(
        "; ".join(part.words for part in found),
        [record for part in found for record in part.records],
        [problem for part in found for problem in part.problems],
    )
