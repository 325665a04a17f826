"""Which records train, which validate, which test: from a ``split.csv``, or made by scene."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nirgan.data.index import SPLIT_COLUMNS, SPLITS, Problem, Record, first_of
from nirgan.errors import NirganError

Rows = dict[tuple[str, str], dict[str, str]]


def read_split(path: Path) -> Rows:
    """Rows of a split file by (set, name).

    Raises:
        NirganError: if it cannot be read, lacks a column, names a sample twice or an unknown split (with the line).
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")  # file names need not be UTF-8
        table = csv.DictReader(io.StringIO(text, newline=""))
        lines = list(table)
    except (OSError, csv.Error) as error:
        raise NirganError(f"{path}: cannot be read as CSV ({error})") from None
    missing = [column for column in ("set", "name", "split") if column not in (table.fieldnames or ())]
    if missing:
        raise NirganError(f"{path}: no column {', '.join(missing)}; the first line must be {','.join(SPLIT_COLUMNS)}")
    rows: Rows = {}
    for number, line in enumerate(lines, start=2):
        row = {column: (value or "").strip() for column, value in line.items() if isinstance(column, str)}
        if row["split"] not in SPLITS:
            raise NirganError(f"{path}, line {number}: split '{row['split']}'; write train, val or test")
        key = (row["set"], row["name"])
        if key in rows:
            raise NirganError(f"{path}, line {number}: {'/'.join(key)} stands there twice")
        rows[key] = row
    return rows


def apply_split(records: Sequence[Record], rows: Rows, path: Path) -> tuple[list[Record], list[Problem]]:
    """Give records the split, category and scene of their rows; leave out those that have none.

    A file that lists one set fits a folder of one set whatever its name is, since folders get renamed.

    Raises:
        NirganError: if it lists none of the records.
    """
    ours, theirs = {record.set for record in records}, {set_name for set_name, _ in rows}
    if len(ours) == len(theirs) == 1:
        rows = {(next(iter(ours)).strip(), name): row for (_, name), row in rows.items()}
    kept, unlisted, used = [], [], set()
    for record in records:
        key = next((key for key in _keys(record) if key in rows), None)
        if key is None:
            unlisted.append(record.key)
            continue
        used.add(key)
        row = rows[key]
        kept.append(
            replace(
                record,
                split=row["split"],
                category=row.get("category") or record.category,
                scene=row.get("scene") or record.scene,
            )
        )
    if records and not kept:
        raise NirganError(
            f"{path} lists none of these pictures: it has {first_of(['/'.join(key) for key in rows], 3)}, "
            f"the data {first_of([record.key for record in records], 3)}"
        )
    problems = []
    if unlisted:
        problems.append(Problem.of(f"not in {path.name}, left out", unlisted))
    if without := sorted("/".join(key) for key in rows.keys() - used):
        problems.append(Problem.of(f"in {path.name} but not in the data", without))
    return kept, problems


def make_split(records: Sequence[Record], *, val_share: float, test_share: float, seed: int) -> list[Record]:
    """Assign whole scenes to splits, in proportion within each category; the order of the records does not matter.

    The scene is the record's, else the record itself is one. With three scenes or more there is at least one for
    validation (if any are wanted), and there always is one for training.
    """
    # Sides without partners are split apart: else all sources could fall to one split and all targets to another.
    with_source = {_scene(r) for r in records if r.has_source_file}
    assigned: dict[str, str] = {}
    for has_source in (True, False):
        part = [record for record in records if (_scene(record) in with_source) == has_source]
        assigned.update(_assign(part, val_share, test_share, seed))
    return [replace(record, split=assigned[_scene(record)]) for record in records]


def complete_split(records: list[Record], val_share: float, test_share: float, seed: int) -> tuple[list[Record], str]:
    """Split what nothing has split yet; without validation pictures, take some from training.

    Returns:
        The records, and words about what was made; empty if nothing was.
    """
    without = [record for record in records if not record.split]
    if without:  # all, or some of the sets
        made = make_split(without, val_share=val_share, test_share=test_share, seed=seed)
        how = "by scene" if any(record.scene for record in without) else "by picture"
        names = sorted({record.set for record in without})
        where = "" if len(without) == len(records) else f" for {', '.join(names)}"
        by_key = {record.key: record for record in made}
        whole = [by_key.get(record.key, record) for record in records]
        return whole, f"split made {how}{where}, {split_words(made)} (seed {seed})"
    train = [record for record in records if record.split == "train"]
    if train and val_share and not any(record.split == "val" for record in records):
        carved = make_split(train, val_share=val_share, test_share=0.0, seed=seed)
        records = [record for record in records if record.split != "train"] + carved
        return records, f"validation pictures taken from train/: {split_words(records)} (seed {seed})"
    return records, ""


def split_words(records: Sequence[Record]) -> str:
    """``270 train, 28 val, 59 test``."""
    return ", ".join(f"{sum(record.split == split for record in records)} {split}" for split in SPLITS)


def _assign(records: Sequence[Record], val_share: float, test_share: float, seed: int) -> dict[str, str]:
    categories: dict[str, str] = {}
    for record in sorted(records, key=lambda record: record.key):
        categories.setdefault(_scene(record), record.category)
    # Scenes in a seeded order within each category; every k-th of that list is then a proportionate draw from each.
    scenes = sorted(categories, key=lambda scene: (categories[scene], _draw(scene, seed)))
    num_val, num_test = round(len(scenes) * val_share), round(len(scenes) * test_share)
    if len(scenes) >= 3 and val_share > 0:
        num_val = max(num_val, 1)
    num_test = max(0, min(num_test, len(scenes) - num_val - 1))
    num_val = max(0, min(num_val, len(scenes) - num_test - 1))
    test = _spread(scenes, num_test)
    val = _spread([scene for scene in scenes if scene not in test], num_val)
    return {scene: "test" if scene in test else "val" if scene in val else "train" for scene in scenes}


def _spread(scenes: Sequence[str], count: int) -> set[str]:
    return {scenes[int((i + 0.5) * len(scenes) / count)] for i in range(count)}


def _scene(record: Record) -> str:
    return record.scene or record.key


def _draw(scene: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {scene}".encode(errors="surrogateescape")).digest()


def _keys(record: Record) -> list[tuple[str, str]]:
    # Spaces at the ends do not count: spreadsheets add them, and rows are read without.
    side, _, bare = record.name.partition("/")
    names = [record.name, bare] if side in ("source", "target") else [record.name]
    return [(record.set.strip(), name.strip()) for name in names]
