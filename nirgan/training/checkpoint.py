"""Checkpoints: folders that appear whole or not at all.

``last`` is replaced by writing ``last.new``, renaming ``last`` to ``last.old`` and ``last.new`` to ``last``. Whenever
the program dies, one of the three is complete; ``settle`` finds the newest and makes it ``last`` again.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch
from torch import Tensor

from nirgan.errors import NirganError
from nirgan.files import sync_folder
from nirgan.models.weights import WeightsInfo, read_info, read_weights, save_weights

logger = logging.getLogger(__name__)

WEIGHTS = "weights.safetensors"
STATE = "state.pt"


class Checkpoints:
    """The ``checkpoints`` folder of a run.

    Args:
        folder: Made when something is saved.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.last = folder / "last"
        self._new = folder / "last.new"
        self._old = folder / "last.old"

    def save_last(self, weights: dict[str, Tensor], info: WeightsInfo, state: dict[str, Any]) -> None:
        """Replace ``last``.

        Raises:
            OSError: if there is no room; the checkpoint before stays, and nothing half written.
        """
        _remove(self._new)
        try:
            self._new.mkdir(parents=True)
            save_weights(self._new / WEIGHTS, weights, info)
            _save_state(self._new / STATE, state)
        except OSError:
            _remove(self._new)
            raise
        sync_folder(self._new)
        self._swap()

    def save_best(self, weights: dict[str, Tensor], info: WeightsInfo) -> None:
        """Replace ``best``, which has weights alone."""
        save_weights(self.folder / "best" / WEIGHTS, weights, info)

    def drop_best_beyond(self, step: int) -> bool:
        """Let ``last`` be the best, if the best comes after a step; returns whether it did."""
        best = self.folder / "best" / WEIGHTS
        if not best.is_file() or read_info(best).step <= step:
            return False
        info, tensors = read_weights(self.last / WEIGHTS)
        self.save_best(tensors, info)
        return True

    def settle(self) -> Path | None:
        """Finish what an interrupted save left undone; returns ``last``, or None if nothing was saved yet.

        Raises:
            NirganError: if what was saved cannot be read.
        """
        found = {folder: step for folder in (self._new, self.last, self._old) if (step := _complete_step(folder)) >= 0}
        if not found:
            # Only `last.new` can be half written; anything else that does not read is damaged, and not to be replaced.
            for folder in (self.last, self._old):
                if (folder / WEIGHTS).exists() or (folder / STATE).exists():
                    raise NirganError(
                        f"{folder}: cannot be read, and no other checkpoint of the run is whole; repair it, or move it "
                        "away to start again"
                    )
            return None
        newest = max(found, key=lambda folder: found[folder])
        if newest == self._old:  # what is under the other names is broken
            _remove(self.last)
            newest.rename(self.last)
        elif newest == self._new:
            self._swap()
        _remove(self._new)
        _remove(self._old)
        return self.last

    def _swap(self) -> None:
        if self.last.exists():
            _remove(self._old)
            self.last.rename(self._old)
        self._new.rename(self.last)
        sync_folder(self.folder)
        _remove(self._old)


def read_state(folder: Path, *, mapped: bool = False) -> dict[str, Any]:
    """Read a checkpoint's training state onto the CPU.

    Args:
        folder: The checkpoint's.
        mapped: Take no memory for the tensors until they are used; all bytes are read once, for their checksums.

    Raises:
        NirganError: if the file is broken or holds anything but tensors, numbers, strings, lists and dicts.
    """
    path = folder / STATE
    try:
        _check_sums(path)
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except Exception as error:  # damaged bytes raise anything
        words = next(iter(str(error).splitlines()), type(error).__name__)
        raise NirganError(f"{path}: not a whole training state ({words})") from None
    if not isinstance(state, dict):
        raise NirganError(f"{path}: not a training state, but a {type(state).__name__}")
    return state


def _check_sums(path: Path) -> None:
    """Raise ValueError if a byte changed since the file was written; torch itself does not look at the checksums."""
    with ZipFile(path) as file:
        if damaged := file.testzip():
            raise ValueError(f"the checksum of {damaged} does not fit")


def _save_state(path: Path, state: dict[str, Any]) -> None:
    with path.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # torch's writer stumbles over what its file raised
                raise error.__context__ from None
            raise
        file.flush()
        os.fsync(file.fileno())


def _complete_step(folder: Path) -> int:
    """Step of a complete checkpoint, -1 for anything else."""
    if not folder.is_dir():
        return -1
    try:
        info, state = read_info(folder / WEIGHTS), read_state(folder, mapped=True)
    except NirganError as error:
        logger.warning("left out an incomplete checkpoint: %s", error)
        return -1
    return info.step if info.step == state.get("step") else -1


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
