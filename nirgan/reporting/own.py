"""A run's own data: which weights have it, what of it somebody names, and its split as the run made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from nirgan.config import RunConfig
from nirgan.data.index import Data, Record, first_of
from nirgan.data.leaks import refuse_leaks
from nirgan.data.open import open_data
from nirgan.data.places import BUILT_IN, locate, real_place
from nirgan.data.split import Rows, apply_split, read_split
from nirgan.errors import NirganError
from nirgan.models.recipe import Task
from nirgan.runs import CONFIG


def run_of(weights: Path) -> Path | None:
    """The run's folder if the weights lie in one (``RUN/checkpoints/best/weights.safetensors``), else None."""
    checkpoints = weights.resolve().parent.parent
    run = checkpoints.parent
    return run if checkpoints.name == "checkpoints" and (run / CONFIG).is_file() else None


def results_folder(weights: Path, kind: str, name: str) -> Path:
    """Where results about weights go by default: ``RUN/KIND/NAME``, or ``KIND/WEIGHTS/NAME`` if they lie in no run.

    A run's best weights have the folder that ``compare`` takes; its others one of their own, ``RUN/KIND/last-NAME``.
    """
    checkpoint, run = weights.resolve().parent.name, run_of(weights)
    if run is None:
        return Path(kind) / (weights.stem if weights.stem != "weights" else checkpoint) / name
    return run / kind / (name if checkpoint == "best" else f"{checkpoint}-{name}")


def may_be_own(specs: Sequence[str], config: RunConfig) -> bool:
    """Whether a run trained at a place that is named, or around it; naming none means the run's own."""
    trained = [real_place(spec) for spec in config.data or [BUILT_IN]]
    return not specs or any(real_place(spec).is_relative_to(place) for spec in specs for place in trained)


def open_own(
    run: Path,
    config: RunConfig,
    task: str,
    *,
    pairing: str | None,
    band: int | None,
    full_scale: float | None,
    max_pixels: int | None,
) -> tuple[Data, list[str]]:
    """Open all that a run was trained on with the run's ``split.csv``; and words about where the two differ.

    Raises:
        NirganError: if the split is gone or leaks, or the data cannot be opened.
    """
    file = run / "split.csv"
    if not file.is_file():
        raise NirganError(f"{file} is missing: without it nobody knows which pictures the run trained on")
    data = open_data(
        config.data,
        task=cast(Task, task),
        pairing=pairing or config.pairing,
        seed=config.seed,
        band=config.band if band is None else band,
        full_scale=config.full_scale if full_scale is None else full_scale,
        make_split=False,
        max_pixels=max_pixels or config.dataset.max_pixels,
    )
    rows = read_split(file)
    if not any((record.set, record.name) in rows for record in data.all_records):
        rows = _of_pairs(rows)
    data.all_records, problems = apply_split(data.all_records, rows, file)
    data.problems = [*data.problems, *problems]
    refuse_leaks(data.all_records, file, "train again on a split without leaks (nirgan data split DIR --out split.csv)")
    return data, [f"{file}: {problem}" for problem in problems]


def named_part(data: Data, specs: Sequence[str], config: RunConfig) -> list[Record]:
    """The run's records that lie where ``specs`` say, in their order; none if all of ``specs`` are other data.

    Raises:
        NirganError: if some of ``specs`` are the run's and others are not, which have no split in common.
    """
    if not specs:
        return data.all_records
    folders = {folder: folder.resolve() for spec in config.data if (folder := locate(spec).folder)}
    paths = {record.key: _real_path(record, folders) for record in data.all_records}
    places = {spec: real_place(spec) for spec in specs}
    parts = {spec: {key for key in paths if paths[key].is_relative_to(place)} for spec, place in places.items()}
    foreign = [spec for spec, keys in parts.items() if not keys]
    if foreign and len(foreign) < len(parts):
        raise NirganError(
            f"--data {first_of(foreign)}: the weights were not trained there, but they were on "
            f"{first_of([spec for spec in parts if spec not in foreign])}; score the two one after the other"
        )
    named = {key for keys in parts.values() for key in keys}
    return [record for record in data.all_records if record.key in named]


def _real_path(record: Record, folders: Mapping[Path, Path]) -> Path:
    """Where a record lies, as ``real_place`` has it: links below the data's folders are not followed."""
    if record.rendered is not None:
        return Path(BUILT_IN)
    folder = next((folder for folder in folders if record.path.is_relative_to(folder)), None)
    return folders[folder] / record.path.relative_to(folder) if folder else record.path


def _of_pairs(rows: Rows) -> Rows:
    """A split of sides without partners (``source/0001``, ``target/0001``) as one of pairs (``0001``)."""
    return {(row_set, _bare(name)): row for (row_set, name), row in rows.items()}


def _bare(name: str) -> str:
    side, _, bare = name.partition("/")
    return bare if bare and side in ("source", "target") else name
