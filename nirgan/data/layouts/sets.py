"""Folders of folders: several sets side by side, or one under ``train/``, ``val/`` and ``test/``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from nirgan.data.index import Problem
from nirgan.data.layouts import Found, Layout, find_layout
from nirgan.data.scan import folders
from nirgan.errors import NirganError
from nirgan.registry import LAYOUTS

_SPLIT_FOLDERS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@LAYOUTS.register("splits")
class Splits(Layout):
    """``train/``, ``val/``, ``test/``, each in any other layout; names begin with the folder because stems repeat."""

    rank: ClassVar[int] = 10
    summary: ClassVar[str] = "train/ val/ test/, each in one of the other layouts"

    def recognise(self, folder: Path) -> bool:
        """There is ``train/`` or ``test/``, and it is in a known layout."""
        below = folders(folder)
        return any(name in below and find_layout(below[name], without=("splits",)) for name in ("train", "test"))

    def read(self, folder: Path, set_name: str) -> Found:
        """Read each split's folder in its layout; name the folders that are no split, or in no known layout."""
        parts: dict[str, Found] = {}
        left_out: list[str] = []
        for name, path in folders(folder).items():
            layout = find_layout(path, without=("splits",)) if name in _SPLIT_FOLDERS else None
            if layout is None:
                left_out.append(str(path))
                continue
            part = layout.read(path, set_name)
            part.records = [
                replace(record, name=f"{name}/{record.name}", split=_SPLIT_FOLDERS[name]) for record in part.records
            ]
            parts[name] = part
        return _together(folder, parts, left_out)


@LAYOUTS.register("sets")
class Sets(Layout):
    """Sets of pairs one level down, with or without a ``split.csv`` beside them; each folder names its set."""

    rank: ClassVar[int] = 60
    summary: ClassVar[str] = "several sets of pairs one level down, with a split.csv beside them"

    def recognise(self, folder: Path) -> bool:
        """At least one folder below holds pairs."""
        return any(find_layout(path, without=("sets", "photographs")) for path in folders(folder).values())

    def read(self, folder: Path, set_name: str) -> Found:
        """Read every folder below that holds pairs; name those that do not."""
        parts: dict[str, Found] = {}
        left_out: list[str] = []
        for path in folders(folder).values():
            layout = find_layout(path, without=("sets", "photographs"))
            if layout is None:
                left_out.append(str(path))
            else:
                parts[path.name] = layout.read(path, path.name)
        return _together(folder, parts, left_out)


def _together(folder: Path, parts: dict[str, Found], left_out: list[str]) -> Found:
    if not parts:
        raise NirganError(f"{folder}: none of its folders is in a known layout; see `nirgan data list`")
    same_words: dict[str, list[str]] = {}
    for name, part in parts.items():
        same_words.setdefault(part.words, []).append(f"{name}/")
    found = Found("; ".join(f"{' '.join(names)}: {words}" for words, names in same_words.items()), [])
    for part in parts.values():
        found.records += part.records
        found.problems += part.problems
    if left_out:
        found.problems.append(Problem.of("folders left out", left_out))
    return found
