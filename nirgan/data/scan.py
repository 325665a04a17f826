"""List pictures in folders by name, without opening them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from nirgan.data.files import is_picture
from nirgan.data.index import Problem, Record
from nirgan.data.sample import Pairing

Names = dict[str, list[Path]]


def folders(folder: Path) -> dict[str, Path]:
    """Visible subfolders by their name in lower case (as a case-blind disk would have it), sorted."""
    with os.scandir(folder) as entries:
        found = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    return {name.lower(): folder / name for name in sorted(found)}


def pictures(folder: Path, *, deep: bool = True) -> Iterator[Path]:
    """Visible pictures of a folder and, if deep, of its subfolders, sorted by path."""
    with os.scandir(folder) as entries:
        visible = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    for name, is_folder in visible:
        if is_folder:
            if deep:
                yield from pictures(folder / name)
        elif is_picture(folder / name):
            yield folder / name


def by_name(folder: Path, *, deep: bool = True, ending: str = "") -> Names:
    """Pictures by their path below the folder without suffix, and without ``ending``, which each name must have."""
    named: Names = {}
    for path in pictures(folder, deep=deep):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name.lower().endswith(ending):
            named.setdefault(name[: len(name) - len(ending)], []).append(path)
    return named


def match(
    set_name: str, sources: Names, targets: Names, category_of: Callable[[str], str], pairing: Pairing
) -> tuple[list[Record], list[Problem]]:
    """Records of two sides by equal names; of two files with one name on a side the first is taken, and both named."""
    records = [
        Record(
            set=set_name,
            name=name,
            source=sources[name][0] if name in sources else None,
            target=targets[name][0] if name in targets else None,
            pairing=pairing,
            category=category_of(name),
        )
        for name in sorted({*sources, *targets})
    ]
    doubles = [str(path) for side in (sources, targets) for paths in side.values() if len(paths) > 1 for path in paths]
    return records, [Problem.of("several files with one name", doubles)] if doubles else []


def first_folder(name: str) -> str:
    """The first folder of a name, as its category: ``country/0001`` gives ``country``, ``0001`` nothing."""
    return name.split("/")[0] if "/" in name else ""
