"""From ``--data`` to ``Data``: recognise folders, decide pairing and split, refuse in words what cannot work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nirgan.data.bands import Band, band_in, bands_of, disagreement, in_words
from nirgan.data.index import Data, Problem, Record, first_of
from nirgan.data.layouts import Found, find_layout, layout_named
from nirgan.data.leaks import refuse_leaks
from nirgan.data.places import BUILT_IN, locate
from nirgan.data.sample import Pairing, Task
from nirgan.data.split import apply_scenes, apply_split, complete_split, read_split
from nirgan.errors import NirganError

_RENDERED_SCENES = 240


def open_data(
    specs: Sequence[str],
    *,
    task: Task,
    pairing: str | None = None,
    seed: int = 0,
    band: int | None = None,
    weights_band: int | None = None,
    full_scale: float | None = None,
    weights_full_scale: float | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    split_file: Path | None = None,
    make_split: bool = True,
    unsplit: bool = False,
    keep_lonely: bool = False,
    max_pixels: int = 400_000_000,
    count_channels: bool = True,
) -> Data:
    """Open folders, cards or the built-in scenes as one data set; decodes one picture at most, to know the channels.

    Args:
        specs: Folders, ``LAYOUT:FOLDER`` or names of cards; none means the built-in scenes.
        task: ``nir2rgb`` or ``gray2rgb`` (which takes the colour side of pairs).
        pairing: Overrides what the layouts imply.
        seed: For a split that has to be made, and for the built-in scenes.
        band: Band of multi-band sources, from 1.
        weights_band: Band that was the source where weights were trained.
        full_scale: Stored source value that means 1.0.
        weights_full_scale: Stored source value that meant 1.0 where weights were trained.
        val_share: Share of scenes for validation in a made split.
        test_share: The same for testing.
        split_file: A split to use instead of the data's own, such as a run's.
        make_split: Split what nothing splits, and take validation pictures from training where there are none;
            otherwise splits stay as the data gives them, empty where it gives none.
        unsplit: Leave the data's own split aside, but for categories and scenes of a ``split.csv``, and make none: for
            what makes or checks a split.
        keep_lonely: Keep pictures of pairs whose partners are missing, for who tells of each of them.
        max_pixels: Larger pictures are refused.
        count_channels: Decode the first source; otherwise nothing is decoded and ``source_channels`` stays 1.

    Raises:
        NirganError: for folders that are missing, empty or in no known layout, partners that are missing, a split file
            that does not fit, a split that leaks (``leaks``), or a first source that does not convert, as for want of a
            band.
    """
    wanted = Pairing(pairing) if pairing else None
    parts: list[_Part] = []
    for spec in specs or [BUILT_IN]:
        taken = {record.set for part in parts for record in part.records}
        part = _read_part(spec, task, wanted, taken, keep_lonely=keep_lonely)
        if unsplit:
            _unsplit_part(part)
        elif split_file is None:
            _split_part(part, val_share, test_share, seed, make=make_split)
        parts.append(part)
    records = [record for part in parts for record in part.records]
    problems = [problem for part in parts for problem in part.problems]
    layouts = [part.words for part in parts]
    if split_file is not None:
        records, more = apply_split(records, read_split(split_file), split_file)
        problems += more
    _check(records, layouts, task)
    refuse_leaks(records, split_file or ", ".join(part.split_from for part in parts))
    wavelength, several = _wavelength(parts, task)
    data = Data(
        task=task,
        pairing=max((record.pairing for record in records), key=list(Pairing).index),
        source_channels=1,
        all_records=sorted(records, key=lambda record: record.key),
        layouts=layouts,
        problems=problems + several,
        warn_if_split_made="; ".join(part.made for part in parts if part.made),
        band=band,
        weights_band=weights_band,
        wavelength=wavelength,
        full_scale=full_scale,
        weights_full_scale=weights_full_scale,
        max_pixels=max_pixels,
        seed=seed,
    )
    if count_channels:
        _look(data, ask_file=not any(band for part in parts for band in part.bands))
    return data


@dataclass
class _Part:
    """What one ``--data`` names.

    Attributes:
        folder: None for the built-in scenes.
        records: Fit for the task.
        problems: As in ``Data``.
        words: Folder and layout, for people.
        bands: Bands of the sources as folders and cards state them; None among them where neither does.
        made: How its split was made, in words; empty if none was.
    """

    folder: Path | None
    records: list[Record]
    problems: list[Problem]
    words: str
    bands: set[Band | None]
    made: str = ""

    @property
    def split_csv(self) -> Path | None:
        """The ``split.csv`` beside the pictures, if there is one."""
        path = self.folder / "split.csv" if self.folder else None
        return path if path and path.is_file() else None

    @property
    def split_from(self) -> str:
        """Where its split comes from: that file, or the folder."""
        return str(self.split_csv or self.folder or BUILT_IN)


def _read_part(spec: str, task: Task, pairing: Pairing | None, taken: set[str], *, keep_lonely: bool) -> _Part:
    found, folder = read_spec(spec, taken)
    records = _arrange(found.records, task, pairing, spec, keep_lonely=keep_lonely)
    sources = [record.source for record in records if record.has_source_file and task == "nir2rgb"]
    bands = bands_of(sources, found.wavelength)
    words = "".join(f"; {in_words(band)}" for band in sorted(filter(None, bands)))
    return _Part(folder, records, found.problems, f"{folder or BUILT_IN}: {found.words}{words}", bands)


def _split_part(part: _Part, val_share: float, test_share: float, seed: int, *, make: bool) -> None:
    """Split a part by the ``split.csv`` beside it; else as its folders do, completed if ``make``."""
    if csv := part.split_csv:
        part.records, more = apply_split(part.records, read_split(csv), csv)
        part.problems = part.problems + more
    elif make:
        part.records, words = complete_split(part.records, val_share, test_share, seed)
        advice = "; a split.csv in it would be used" if part.folder else ""
        part.made = f"{part.folder or BUILT_IN}: {words}{advice}" if words else ""


def _unsplit_part(part: _Part) -> None:
    """Leave a part without a split; a ``split.csv`` gives categories and scenes alone."""
    if csv := part.split_csv:
        part.records = apply_scenes(part.records, read_split(csv), csv)
        part.made = f"{csv}: its categories and scenes are kept, its split is left aside"
    elif any(record.split for record in part.records):
        part.made = f"{part.folder}: the split of its folders is left aside"
    part.records = [replace(record, split="") for record in part.records]


def read_spec(spec: str, taken: set[str] | None = None) -> tuple[Found, Path | None]:
    """List what one ``--data`` names, with its folder (None for the built-in scenes).

    Args:
        spec: A folder, ``LAYOUT:FOLDER``, the name of a card, or ``synthetic``.
        taken: Names of sets that are already in the data; a second set of one name gets a number.

    Raises:
        NirganError: if there is no such folder or card, or the folder is empty or in no known layout.
    """
    place = locate(spec)
    folder = place.folder
    if folder is None:
        return replace(_rendered(), wavelength=place.wavelength), None
    try:
        empty = not any(folder.iterdir())
    except OSError as error:
        raise NirganError(f"{folder}: cannot be read ({error.strerror})") from None
    if empty:
        raise NirganError(f"{folder}: the folder is empty; name one with pictures (see `nirgan data list`)")
    layout = layout_named(place.layout) if place.layout else find_layout(folder)
    if layout is None:
        raise NirganError(f"{folder}: no pictures in a known layout; `nirgan data list` shows the layouts")
    found = layout.read(folder, folder.resolve().name)
    if not found.records:
        why = "".join(f"; {problem}" for problem in found.problems[:1])
        raise NirganError(f"{folder}: no pictures ({found.words}{why})")
    if place.pairing and any(record.pairing != place.pairing for record in found.records):
        found.words += f"; {place.pairing}, as the card '{spec}' says"
        found.records = [replace(record, pairing=place.pairing) for record in found.records]
    found.wavelength = place.wavelength
    renamed = {name: _free(name, taken or set()) for name in {record.set for record in found.records}}
    found.records = [replace(record, set=renamed[record.set]) for record in found.records]
    return found, folder


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


def _arrange(
    records: list[Record], task: Task, pairing: Pairing | None, spec: str, *, keep_lonely: bool
) -> list[Record]:
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
    if alone and not keep_lonely:
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


def _check(records: list[Record], layouts: list[str], task: Task) -> None:
    doubles = [key for key, count in Counter(record.key for record in records).items() if count > 1]
    if doubles:
        raise NirganError(f"{len(doubles)} names stand for several pictures, first: {first_of(doubles)}; rename them")
    if not any(record.has_target for record in records):
        raise NirganError(f"no colour pictures in {'; '.join(layouts)}")
    if task == "nir2rgb" and not any(record.has_source_file for record in records):
        tiff = any(record.path.suffix.lower().startswith(".tif") for record in records)
        alpha = "; a fourth channel is taken as near-infrared unless it is marked as alpha" if tiff else ""
        raise NirganError(
            f"no NIR pictures in {'; '.join(layouts)}; colour pictures alone suit the task gray2rgb{alpha}"
        )


def _wavelength(parts: list[_Part], task: Task) -> tuple[Band | None, list[Problem]]:
    """The one band that is stated of all sources, None if there is none; and words where it is not of all."""
    if task == "gray2rgb":
        return "grey", []
    stated = {band: part.words for part in parts for band in part.bands}
    if kind := disagreement(stated):
        return None, [Problem.of(kind, list(dict.fromkeys(stated.values())))]
    return next(iter(stated), None), []


def _look(data: Data, *, ask_file: bool) -> None:
    """Learn the channels of all sources from the first one, and, if nobody else says it, the band."""
    if data.task == "gray2rgb":
        return
    from nirgan.data.pictures import read_side, source_of

    first_error = None
    for record in data.sources():
        try:
            picture = read_side(data, record, "source")
        except NirganError as error:  # a broken file among good ones is no reason to stop; want of a band would be
            first_error = first_error or error
            continue
        data.source_channels = int(source_of(data, record, picture).shape[0])
        if ask_file:
            data.wavelength = band_in(picture.metadata, data.source_band)
        return
    raise NirganError(f"no source can be read, the first because: {first_error}")
