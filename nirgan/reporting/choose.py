"""Which pictures an evaluation scores: a run's own, by its own split, or other data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from nirgan.config import RunConfig, check, read_yaml
from nirgan.data.convert import full_scale_of
from nirgan.data.index import Data
from nirgan.data.open import open_data
from nirgan.data.pictures import read_side
from nirgan.data.split import Rows, apply_split, read_split
from nirgan.errors import NirganError
from nirgan.models.recipe import Task
from nirgan.models.weights import WeightsInfo


@dataclass(frozen=True)
class Choice:
    """Data to score.

    Attributes:
        data: Open.
        split: The split to score.
        own: Whether it is what the weights were trained on.
        name: For folders and tables.
        notes: What people should know about the choice.
    """

    data: Data
    split: str
    own: bool
    name: str
    notes: list[str] = field(default_factory=list)


def run_of(weights: Path) -> Path | None:
    """The run's folder if the weights lie in one (``RUN/checkpoints/best/weights.safetensors``), else None."""
    checkpoints = weights.resolve().parent.parent
    run = checkpoints.parent
    return run if checkpoints.name == "checkpoints" and (run / "config.yaml").is_file() else None


def choose_data(
    weights: Path, info: WeightsInfo, specs: Sequence[str], split: str = "test", *, pairing: str | None = None
) -> Choice:
    """Open the data to score.

    A run's own data (asked for, or because nothing was) takes the run's ``split.csv``; other data its own split, and
    all of its pairs if it has none.

    Raises:
        NirganError: if no data is named and the weights come from no run, or the data cannot be opened.
    """
    run = run_of(weights)
    config = check(read_yaml(run / "config.yaml"), str(run / "config.yaml")) if run else None
    if run and config and (not specs or _same(specs, config.data)):
        data, notes = _open_own(run, config, info, pairing)
        return Choice(data, split, own=True, name=run.name, notes=notes)
    if not specs:
        raise NirganError(f"{weights} belongs to no run whose pictures could be scored: say which with --data")
    data = _open_other(specs, info, pairing)
    name = "-".join(Path(spec.rpartition(":")[2]).name for spec in specs)
    if not data.warn_if_split_made:
        return Choice(data, split, own=False, name=name)
    note = f"{name} has no split: all {len(data.records())} of its pictures are scored, also any that trained the model"
    return Choice(data, "all", own=False, name=name, notes=[note])


def _open_own(run: Path, config: RunConfig, info: WeightsInfo, pairing: str | None) -> tuple[Data, list[str]]:
    file = run / "split.csv"
    if not file.is_file():
        raise NirganError(f"{file} is missing: without it nobody knows which pictures the run trained on")
    data = open_data(
        config.data,
        task=cast(Task, info.task),
        pairing=pairing or config.pairing,
        seed=config.seed,
        band=info.band,
        full_scale=config.full_scale,
        max_pixels=config.dataset.max_pixels,
    )
    rows = read_split(file)
    if not any((record.set, record.name) in rows for record in data.all_records):
        rows = _of_pairs(rows)
    data.all_records, problems = apply_split(data.all_records, rows, file)
    data.problems, data.warn_if_split_made = [*data.problems, *problems], ""
    return data, [f"{file}: {problem}" for problem in problems]


def _of_pairs(rows: Rows) -> Rows:
    """A split of sides without partners (``source/0001``, ``target/0001``) as one of pairs (``0001``)."""
    return {(row_set, _bare(name)): row for (row_set, name), row in rows.items()}


def _bare(name: str) -> str:
    side, _, bare = name.partition("/")
    return bare if bare and side in ("source", "target") else name


def _open_other(specs: Sequence[str], info: WeightsInfo, pairing: str | None) -> Data:
    data = open_data(specs, task=cast(Task, info.task), pairing=pairing, band=info.band)
    if info.full_scale is not None and info.task == "nir2rgb" and data.pairs():
        # The first picture stands for all: whether the weights' full scale can mean its type.
        picture = read_side(data, data.pairs()[0], "source")
        scale = full_scale_of(picture, None, info.full_scale)
        data.full_scale = scale if scale != full_scale_of(picture) else None
    return data


def _same(first: Sequence[str], second: Sequence[str]) -> bool:
    return {_place(spec) for spec in first} == {_place(spec) for spec in second}


def _place(spec: str) -> str:
    path = Path(spec).expanduser()
    return str(path.resolve()) if path.exists() else spec
