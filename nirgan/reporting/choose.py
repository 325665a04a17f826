"""Which pictures an evaluation scores: a run's own, by its own split, or other data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from nirgan.config import RunConfig, check, read_yaml
from nirgan.data.files import MAX_PIXELS
from nirgan.data.index import Data, first_of
from nirgan.data.open import open_data
from nirgan.data.places import real_place
from nirgan.errors import NirganError
from nirgan.models.recipe import Task
from nirgan.models.weights import WeightsInfo
from nirgan.reporting.own import may_be_own, named_part, open_own, run_of
from nirgan.runs import CONFIG


@dataclass(frozen=True)
class Choice:
    """Data to score.

    Attributes:
        data: Open.
        split: The split to score.
        own: Whether it is what the weights were trained on, or a part of that.
        name: For tables.
        folder: Name of a folder for the results, unlike that of any other choice for the same weights.
        notes: What people should know about the choice.
    """

    data: Data
    split: str
    own: bool
    name: str
    folder: str
    notes: list[str] = field(default_factory=list)


def choose_data(
    weights: Path,
    info: WeightsInfo,
    specs: Sequence[str],
    split: str = "test",
    *,
    pairing: str | None = None,
    band: int | None = None,
    full_scale: float | None = None,
    max_pixels: int | None = None,
) -> Choice:
    """Open the data to score.

    A run's own data, or a part of it (asked for, or because nothing was), takes the run's ``split.csv``; other data
    its own split, and all of its pairs where it has none.

    Args:
        weights: The file.
        info: What it says about itself.
        specs: As in ``open_data``.
        split: ``test``, ``val``, ``train`` or ``all``.
        pairing: Overrides what the data's layout says.
        band: Band of multi-band sources, from 1; None: as in training.
        full_scale: Stored source value that means 1.0; None: as in training.
        max_pixels: Larger pictures are refused; None: as in training, or the limit of ``read_picture``.

    Raises:
        NirganError: if no data is named and the weights come from no run, or the data cannot be opened.
    """
    run = run_of(weights)
    config = check(read_yaml(run / CONFIG), str(run / CONFIG)) if run else None
    if run and config and may_be_own(specs, config):
        data, notes = open_own(
            run, config, info.task, pairing=pairing, band=band, full_scale=full_scale, max_pixels=max_pixels
        )
        if choice := _own(run, config, data, notes, specs, split):
            return choice
    if not specs:
        raise NirganError(f"{weights} belongs to no run whose pictures could be scored: say which with --data")
    data = open_data(
        specs,
        task=cast(Task, info.task),
        pairing=pairing,
        band=band,
        weights_band=info.band,
        full_scale=full_scale,
        weights_full_scale=info.full_scale,
        make_split=False,
        max_pixels=max_pixels or MAX_PIXELS,
    )
    return _other(data, specs, split)


def _own(run: Path, config: RunConfig, data: Data, notes: list[str], specs: Sequence[str], split: str) -> Choice | None:
    """All of a run's data, or the part of it that ``specs`` name; None where they name other data."""
    named = named_part(data, specs, config)
    if len(named) == len(data.all_records):
        return Choice(data, split, own=True, name=run.name, folder=split, notes=notes)
    if not named:
        return None
    data.all_records = named
    name = data_name(specs)
    notes = [*notes, f"{name} is a part of what {run} was trained on, and split as the run split it"]
    return Choice(data, split, own=True, name=name, folder=f"{name}-{split}", notes=notes)


def _other(data: Data, specs: Sequence[str], split: str) -> Choice:
    """Data that the weights were not trained on, by its own split."""
    notes, name = _take_unsplit(data, split), data_name(specs)
    split = "all" if notes else split
    return Choice(data, split, own=False, name=name, folder=f"{name}-{split}", notes=notes)


def data_name(specs: Sequence[str]) -> str:
    """What results call data: the names of its folders."""
    return "-".join(real_place(spec).name for spec in specs)


def _take_unsplit(data: Data, split: str) -> list[str]:
    """Where sets have no split, keep all of theirs beside the others' ``split``, and say so."""
    without = [record for record in data.all_records if not record.split]
    if not without:
        return []
    data.all_records = [record for record in data.all_records if not record.split or split in (record.split, "all")]
    sets = first_of(sorted({record.set for record in without}))
    return [f"{sets} has no split: all {len(without)} of its pictures are scored, also any that trained the model"]
