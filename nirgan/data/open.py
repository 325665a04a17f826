"""From ``--data`` to ``Data``: recognise folders, decide pairing and split, refuse in words what cannot work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nirgan.data.index import Data, Problem, Record, first_of
from nirgan.data.layouts import Found, find_layout, layout_named
from nirgan.data.sample import Pairing
from nirgan.data.split import apply_split, make_split, read_split, split_words
from nirgan.errors import NirganError
from nirgan.registry import DATASETS

if TYPE_CHECKING:
    from nirgan.models.recipe import Task

BUILT_IN = "synthetic"
_RENDERED_SCENES = 240


def open_data(
    specs: Sequence[str],
    *,
    task: Task,
    pairing: str | None = None,
    seed: int = 0,
    band: int | None = None,
    full_scale: float | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    split_file: Path | None = None,
    max_pixels: int = 400_000_000,
) -> Data:
    """Open folders, cards or the built-in scenes as one data set; decodes one picture, to know the channels.

    Args:
        specs: Folders, ``LAYOUT:FOLDER`` or names of cards; none means the built-in scenes.
        task: ``nir2rgb`` or ``gray2rgb`` (which takes the colour side of pairs).
        pairing: Overrides what the layouts imply.
        seed: For a split that has to be made, and for the built-in scenes.
        band: Band of multi-band sources, from 1.
        full_scale: Stored source value that means 1.0.
        val_share: Share of scenes for validation in a made split.
        test_share: The same for testing.
        split_file: A split to use instead of the data's own, such as a run's.
        max_pixels: Larger pictures are refused.

    Raises:
        NirganError: for folders that are missing, empty or in no known layout, partners that are missing, or a split
            file that does not fit.
    """
    records: list[Record] = []
    layouts: list[str] = []
    problems: list[Problem] = []
    made: list[str] = []
    for spec in specs or [BUILT_IN]:
        found, folder = read_spec(spec, taken={record.set for record in records})
        found.records = _arrange(found.records, task, Pairing(pairing) if pairing else None, spec)
        csv = folder / "split.csv" if folder else None
        if csv and csv.is_file() and split_file is None:
            found.records, more = apply_split(found.records, read_split(csv), csv)
            found.problems += more
        elif split_file is None:
            found.records, words = _complete_split(found.records, val_share, test_share, seed)
            made += (
                [f"{folder or BUILT_IN}: {words}" + ("; a split.csv in it would be used" if folder else "")]
                if words
                else []
            )
        records += found.records
        problems += found.problems
        layouts.append(f"{folder or BUILT_IN}: {found.words}")
    if split_file is not None:
        records, more = apply_split(records, read_split(split_file), split_file)
        problems += more
    _check(records, layouts, task)
    data = Data(
        task=task,
        pairing=max((record.pairing for record in records), key=list(Pairing).index),
        source_channels=1,
        all_records=sorted(records, key=lambda record: record.key),
        layouts=layouts,
        problems=problems,
        warn_if_split_made="; ".join(made),
        band=band,
        full_scale=full_scale,
        max_pixels=max_pixels,
        seed=seed,
    )
    data.source_channels = _channels(data)
    return data


def read_spec(spec: str, taken: set[str] | None = None) -> tuple[Found, Path | None]:
    """List what one ``--data`` names, with its folder (None for the built-in scenes).

    Args:
        spec: A folder, ``LAYOUT:FOLDER``, the name of a card, or ``synthetic``.
        taken: Names of sets that are already in the data; a second set of one name gets a number.

    Raises:
        NirganError: if there is no such folder or card, or the folder is empty or in no known layout.
    """
    if spec == BUILT_IN:
        return _rendered(), None
    layout_name, folder = _locate(spec)
    try:
        empty = not any(folder.iterdir())
    except OSError as error:
        raise NirganError(f"{folder}: cannot be read ({error.strerror})") from None
    if empty:
        raise NirganError(f"{folder}: the folder is empty")
    layout = layout_named(layout_name) if layout_name else find_layout(folder)
    if layout is None:
        raise NirganError(f"{folder}: no pictures in a known layout; `nirgan data list` shows the layouts")
    found = layout.read(folder, folder.resolve().name)
    if not found.records:
        raise NirganError(f"{folder}: no pictures ({found.words})")
    renamed = {name: _free(name, taken or set()) for name in {record.set for record in found.records}}
    found.records = [replace(record, set=renamed[record.set]) for record in found.records]
    return found, folder


def _locate(spec: str) -> tuple[str, Path]:
    layout_name, colon, rest = spec.partition(":")
    if colon and layout_name in DATASETS.names():
        folder = Path(rest).expanduser()
        if not folder.is_dir():
            raise NirganError(f"--data {spec}: there is no folder {folder}")
        return layout_name, folder
    folder = Path(spec).expanduser()
    if folder.is_dir():
        return "", folder
    if folder.is_file():
        raise NirganError(f"--data {spec}: that is a file; give the folder of the pictures")
    from nirgan.data.cards import locate_card

    return locate_card(spec)


def _free(name: str, taken: set[str]) -> str:
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def _rendered() -> Found:
    from nirgan.data.scenes.compose import CATEGORIES

    categories = [list(CATEGORIES)[index % len(CATEGORIES)] for index in range(_RENDERED_SCENES)]
    records = [
        Record(
            set=BUILT_IN, name=f"{category}_{index:04d}", source=None, target=None, category=category, rendered=index
        )
        for index, category in enumerate(categories)
    ]
    return Found(f"{_RENDERED_SCENES} rendered scenes, registered", records)


def _arrange(records: list[Record], task: Task, pairing: Pairing | None, spec: str) -> list[Record]:
    """Fit records to task and pairing: drop unused sides, refuse missing partners, take unpaired sides apart."""
    if task == "gray2rgb":
        return [replace(r, source=None, pairing=pairing or Pairing.REGISTERED) for r in records if r.has_target]
    if pairing:
        records = [replace(record, pairing=pairing) for record in records]
    alone = [
        record
        for record in records
        if record.pairing != Pairing.UNPAIRED and not (record.has_source_file and record.has_target)
    ]
    if alone:
        raise NirganError(
            f"{len(alone)} picture{'s have' if len(alone) > 1 else ' has'} no partner in {spec}, "
            f"first: {first_of([str(record.path) for record in alone])}. Rename them, or use --pairing unpaired"
        )
    return [side for record in records for side in take_apart(record)]


def take_apart(record: Record) -> list[Record]:
    """One record per side of an unpaired record; any other as it is.

    Without partners, equal names on the two sides mean nothing: each side gets a name of its own. The scene stays
    shared, so that pictures which might show the same thing never come into different splits.
    """
    if record.pairing != Pairing.UNPAIRED or record.rendered is not None:
        return [record]
    scene = record.scene or record.key
    sides = []
    if record.source is not None:
        sides.append(replace(record, name=f"source/{record.name}", target=None, scene=scene))
    if record.target is not None:
        sides.append(replace(record, name=f"target/{record.name}", source=None, scene=scene))
    return sides


def _complete_split(records: list[Record], val_share: float, test_share: float, seed: int) -> tuple[list[Record], str]:
    """Split what no folder split; where folders give training but no validation pictures, take some from training."""
    if not any(record.split for record in records):
        made = make_split(records, val_share=val_share, test_share=test_share, seed=seed)
        how = "by scene" if any(record.scene for record in records) else "by picture"
        return (
            made,
            f"split made {how}, {split_words(made)} (seed {seed})",
        )
    train = [record for record in records if record.split == "train"]
    if train and val_share and not any(record.split == "val" for record in records):
        carved = make_split(train, val_share=val_share, test_share=0.0, seed=seed)
        records = [record for record in records if record.split != "train"] + carved
        return records, f"validation pictures taken from train/: {split_words(records)} (seed {seed})"
    return records, ""


def _check(records: list[Record], layouts: list[str], task: Task) -> None:
    doubles = [key for key, count in Counter(record.key for record in records).items() if count > 1]
    if doubles:
        raise NirganError(f"{len(doubles)} names stand for several pictures, first: {first_of(doubles)}; rename them")
    if not any(record.has_target for record in records):
        raise NirganError(f"no colour pictures in {'; '.join(layouts)}")
    if task == "nir2rgb" and not any(record.has_source_file for record in records):
        raise NirganError(f"no NIR pictures in {'; '.join(layouts)}; colour pictures alone suit --task gray2rgb")


def _channels(data: Data) -> int:
    if data.task == "gray2rgb":
        return 1
    from nirgan.data.pictures import read_side, source_of

    first_error = None
    for record in data.sources():
        try:
            return int(source_of(data, record, read_side(data, record, "source")).shape[0])
        except NirganError as error:  # a broken file among good ones is no reason to stop here
            first_error = first_error or error
    raise NirganError(f"no source can be used, the first because: {first_error}")
