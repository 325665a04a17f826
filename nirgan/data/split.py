"""Which records train, which validate, which test: from a ``split.csv``, or made by scene."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from nirgan.data.index import SPLIT_COLUMNS, SPLITS, Problem, Record, first_of
from nirgan.errors import NirganError

Key = tuple[str, str]
"""Set and name."""
Rows = dict[Key, dict[str, str]]


def read_split(path: Path) -> Rows:
    """Rows of a split file by (set, name).

    Raises:
        NirganError: if it cannot be read, lacks a column, names a sample twice or an unknown split (with the line).
    """
    rows: Rows = {}
    for number, row in _lines(path, ("set", "name", "split"), ",".join(SPLIT_COLUMNS)):
        if row["split"] not in SPLITS:
            raise NirganError(f"{path}, line {number}: split '{row['split']}'; write train, val or test")
        _add(rows, row, path, number)
    return rows


def read_scenes(path: Path) -> Rows:
    """Rows of a file that names scenes by (set, name); for data of one set it need not have the set.

    Raises:
        NirganError: if it cannot be read, lacks a column or names a sample twice (with the line).
    """
    rows: Rows = {}
    for number, row in _lines(path, ("name", "scene"), "set,name,scene"):
        _add(rows, row, path, number)
    return rows


def apply_split(records: Sequence[Record], rows: Rows, path: Path) -> tuple[list[Record], list[Problem]]:
    """Give records the split, category and scene of their rows; leave out those that have none.

    A file that lists one set fits a folder of one set whatever its name is, since folders get renamed. Scenes are the
    file's alone: pictures without partners that somebody has put apart are not held together by equal names.

    Raises:
        NirganError: if it lists none of the records.
    """
    rows, keys = _matched(records, rows, path)
    kept, unlisted = [], []
    for record, key in zip(records, keys, strict=True):
        if key is None:
            unlisted.append(record.key)
            continue
        row = rows[key]
        category = row.get("category") or record.category
        kept.append(replace(record, split=row["split"], category=category, scene=row.get("scene", "")))
    problems = []
    if unlisted:
        problems.append(Problem.of(f"not in {path.name}, left out", unlisted))
    if without := sorted("/".join(key) for key in rows.keys() - set(keys)):
        problems.append(Problem.of(f"in {path.name} but not in the data", without))
    return kept, problems


def apply_scenes(records: Sequence[Record], rows: Rows, path: Path) -> list[Record]:
    """Give records the category and scene of their rows, as far as these name any; records without a row stay.

    Raises:
        NirganError: if the file lists none of the records.
    """
    rows, keys = _matched(records, rows, path)
    found = [rows[key] if key else {} for key in keys]
    return [
        replace(record, category=row.get("category") or record.category, scene=row.get("scene") or record.scene)
        for record, row in zip(records, found, strict=True)
    ]


def make_split(records: Sequence[Record], *, val_share: float, test_share: float, seed: int) -> list[Record]:
    """Assign whole scenes to splits, in proportion within each category; the order of the records does not matter.

    The scene is the record's, else the record itself is one. Shares are of pictures, as far as whole scenes allow. With
    three scenes or more there is at least one for validation (if any are wanted), and there always is one for training.
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


def names_of(record: Record) -> list[str]:
    """Names that may stand for a record: its own and, for a side without partner, that without the side."""
    side, _, bare = record.name.partition("/")
    return [record.name, bare] if side in ("source", "target") else [record.name]


def _lines(path: Path, wanted: Sequence[str], first_line: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with their numbers."""
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")  # file names need not be UTF-8
        table = csv.DictReader(io.StringIO(text, newline=""))
        lines = list(table)
    except (OSError, csv.Error) as error:
        raise NirganError(f"{path}: cannot be read as CSV ({error})") from None
    missing = [column for column in wanted if column not in (table.fieldnames or ())]
    if missing:
        raise NirganError(f"{path}: no column {', '.join(missing)}; the first line must be {first_line}")
    for number, line in enumerate(lines, start=2):
        yield number, {column: (value or "").strip() for column, value in line.items() if isinstance(column, str)}


def _add(rows: Rows, row: dict[str, str], path: Path, number: int) -> None:
    key = (row.get("set", ""), row["name"])
    if key in rows:
        raise NirganError(f"{path}, line {number}: {'/'.join(filter(None, key))} stands there twice")
    rows[key] = row


def _matched(records: Sequence[Record], rows: Rows, path: Path) -> tuple[Rows, list[Key | None]]:
    """The rows, by the set's present name if there is one set, and each record's key in them."""
    ours, theirs = {record.set for record in records}, {set_name for set_name, _ in rows}
    if len(ours) == len(theirs) == 1:
        rows = {(next(iter(ours)).strip(), name): row for (_, name), row in rows.items()}
    # Spaces at the ends do not count: spreadsheets add them, and rows are read without.
    keys = [
        next((key for name in names_of(record) if (key := (record.set.strip(), name.strip())) in rows), None)
        for record in records
    ]
    if records and not any(keys):
        raise NirganError(
            f"{path} lists none of these pictures: it has {first_of(['/'.join(key) for key in rows], 3)}, "
            f"the data {first_of([record.key for record in records], 3)}"
        )
    return rows, keys


def _assign(records: Sequence[Record], val_share: float, test_share: float, seed: int) -> dict[str, str]:
    categories: dict[str, str] = {}
    for record in sorted(records, key=lambda record: record.key):
        categories.setdefault(_scene(record), record.category)
    sizes = Counter(map(_scene, records))
    # By category, the largest first, so that small ones make up for them, then in a seeded order: what is spread evenly
    # over that list is a fair draw from each category.
    scenes = sorted(categories, key=lambda scene: (categories[scene], -sizes[scene], _draw(scene, seed)))
    num_val, num_test = round(len(records) * val_share), round(len(records) * test_share)
    needs_val = len(scenes) >= 3 and val_share > 0
    if needs_val:
        num_val = max(num_val, 1)
    num_test = max(0, min(num_test, len(records) - num_val - 1))
    num_val = max(0, min(num_val, len(records) - num_test - 1))
    test = _spread(scenes, sizes, num_test)
    rest = [scene for scene in scenes if scene not in test]
    val = _spread(rest, sizes, num_val)
    if needs_val and not val:
        val = {min(scenes if len(rest) > 1 else sorted(test), key=sizes.__getitem__)}
    return {scene: "val" if scene in val else "test" if scene in test else "train" for scene in scenes}


def _spread(scenes: Sequence[str], sizes: Counter[str], wanted: int) -> set[str]:
    """Scenes that hold about so many pictures, spread evenly; never all scenes.

    Along the list, the pictures taken follow the share of those passed: a scene is taken once more than half of it is
    due. So no stretch of the list, such as a category, is off its share by more than the largest scene.
    """
    total, passed, taken = sum(sizes[scene] for scene in scenes), 0, 0
    chosen = set()
    for scene in scenes:
        passed += sizes[scene]
        if 2 * (passed * wanted - taken * total) > sizes[scene] * total:  # whole numbers: the same on every machine
            chosen.add(scene)
            taken += sizes[scene]
    if chosen.issuperset(scenes):
        chosen.discard(max(scenes, key=sizes.__getitem__, default=""))
    return chosen


def _scene(record: Record) -> str:
    return record.scene or record.key


def _draw(scene: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed} {scene}".encode(errors="surrogateescape")).digest()
