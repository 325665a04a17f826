"""Find weights: as named, of the newest run, or what ships."""

from __future__ import annotations

import logging
from pathlib import Path

from nirgan.errors import NirganError, nearest
from nirgan.models.weights import WeightsInfo, read_info
from nirgan.runs import RUNS, last_written

logger = logging.getLogger(__name__)

SHIPPED = Path(__file__).parents[1] / "weights"
"""Folder of the weights that come with the package, if any do."""
DEFAULT_TASK = "nir2rgb"
"""Of the shipped weights that are taken where nothing is trained and no task is named."""
_FILE = "weights.safetensors"
# `last` is missing for a moment while a checkpoint is replaced; then `last.new` is complete.
_CHECKPOINTS = ("best", "last", "last.new", "last.old")


def find_weights(weights: str | Path | None, task: str | None = None, runs: Path = RUNS) -> Path:
    """The weights file to translate with.

    Args:
        weights: A file, a run, a checkpoint folder or the name of shipped weights. None: the newest run under ``runs``,
            else what ships. A run gives its best checkpoint, else its last.
        task: With None for ``weights``: only those of this task. Weights that were named are checked against it.
        runs: Folder of runs.

    Raises:
        NirganError: if there are none, or those named are for another task.
    """
    if weights is None:
        return _newest(task, runs)
    found = _named(Path(weights), runs)
    if task is not None and (trained := read_info(found).task) != task:
        raise NirganError(f"{found}: trained for {trained}, not {task}; leave out --task or give other weights")
    return found


def shipped_weights() -> dict[str, Path]:
    """Files of the weights that come with the package, by the names that ``--weights`` takes."""
    return {file.stem: file for file in sorted(SHIPPED.glob("*.safetensors"))}


def shipped_infos() -> dict[str, WeightsInfo]:
    """What the weights that come with the package say of themselves, by name; damaged ones are passed over."""
    infos = {name: _info(file) for name, file in shipped_weights().items()}
    return {name: info for name, info in infos.items() if info is not None}


def shipped_for(task: str) -> str:
    """Name of the weights that ship for a task, the first of several; empty if none do."""
    return next((name for name, info in shipped_infos().items() if info.task == task), "")


def _named(path: Path, runs: Path) -> Path:
    if path.is_dir():
        found = next((file for file in (path / _FILE, *_in_run(path)) if file.is_file()), None)
        if found is None:
            raise NirganError(f"{path}: no weights in this folder (no {_FILE} and no checkpoints/*/{_FILE})")
        return found
    if path.is_file():
        return path
    shipped = shipped_weights()
    if str(path) in shipped:
        return shipped[str(path)]
    there = [*shipped, *(str(run) for run in _runs(runs))]
    ships = f"shipped are {', '.join(shipped)}" if shipped else "none are shipped"
    raise NirganError(f"no weights '{path}'{nearest(str(path), there)} (a file, a run, a checkpoint folder; {ships})")


def _newest(task: str | None, runs: Path) -> Path:
    dated = sorted(((last_written(run), run) for run in _runs(runs)), reverse=True)
    trained = [next(file for file in _in_run(run) if file.is_file()) for _, run in dated]
    others: set[str] = set()
    for file in trained:
        info = _info(file)
        if info is not None and task in (None, info.task):
            return file
        others |= {info.task} if info is not None else set()
    # Whoever trained something means that; whoever did not, and names no task, comes with NIR pictures.
    shipped = shipped_infos()
    for name, info in shipped.items():
        if info.task == (task or DEFAULT_TASK):
            return shipped_weights()[name]
    of_task = f" for the task {task}" if task else ""
    only = f" (only for {', '.join(sorted(others))})" if others else ""
    ships = " and ".join(f"{name} for {info.task} (--task {info.task})" for name, info in shipped.items())
    train = f"nirgan train --set task={task}" if task else "nirgan train"
    raise NirganError(
        f"nothing is trained yet{of_task} under {runs}/{only} and {f'only {ships}' if ships else 'none'} ships: run "
        f"`{train}` first, or give --weights FILE"
    )


def _info(file: Path) -> WeightsInfo | None:
    """What weights that nobody named say of themselves; None, and a warning, if they are damaged."""
    try:
        return read_info(file)
    except NirganError as error:
        logger.warning("passed over: %s", error)
        return None


def _runs(runs: Path) -> list[Path]:
    """Runs that have weights."""
    if not runs.is_dir():
        return []
    return sorted(run for run in runs.iterdir() if any(file.is_file() for file in _in_run(run)))


def _in_run(run: Path) -> list[Path]:
    return [run / "checkpoints" / name / _FILE for name in _CHECKPOINTS]
