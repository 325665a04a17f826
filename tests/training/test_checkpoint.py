"""A checkpoint is whole or not there, whenever the program dies."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from nirgan.errors import NirganError
from nirgan.models.weights import WeightsInfo, read_weights
from nirgan.training import checkpoint as module
from nirgan.training.checkpoint import Checkpoints, read_state


class KilledError(Exception):
    """The process is gone."""


def save(checkpoints: Checkpoints, step: int) -> None:
    checkpoints.save_last(
        {"w": torch.full((3,), float(step))}, WeightsInfo(model="toy", task="nir2rgb", step=step), {"step": step}
    )


def settled_step(checkpoints: Checkpoints) -> int:
    last = checkpoints.settle()
    assert last == checkpoints.last
    assert sorted(path.name for path in checkpoints.folder.iterdir()) == ["last"]
    info, tensors = read_weights(last / "weights.safetensors")
    step = read_state(last)["step"]
    assert info.step == step == int(tensors["w"][0])
    return step


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the process die at the n-th of the operations that change the folder."""
    count = 0
    limit = [10**6]

    def counted(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count > limit[0]:
                raise KilledError
            return real(*args, **kwargs)

        return call

    def arm(number: int) -> None:
        nonlocal count
        count, limit[0] = 0, number

    monkeypatch.setattr(Path, "rename", counted(Path.rename))
    monkeypatch.setattr(module, "_remove", counted(module._remove))
    monkeypatch.setattr(module, "save_weights", counted(module.save_weights))
    monkeypatch.setattr(module, "_save_state", counted(module._save_state))
    return arm


# Operations of a save over an old one: remove new, weights, state, remove old, last -> old, new -> last, remove old.
@pytest.mark.parametrize(("died_at", "step"), [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2), (6, 2), (7, 2)])
def test_every_place_to_die_leaves_the_newest_whole_checkpoint(
    tmp_path: Path, dying: Any, died_at: int, step: int
) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    save(checkpoints, 1)
    dying(died_at)
    if died_at < 7:
        with pytest.raises(KilledError):
            save(checkpoints, 2)
    else:
        save(checkpoints, 2)
    dying(10**6)
    assert settled_step(checkpoints) == step
    save(checkpoints, 3)
    assert settled_step(checkpoints) == 3


@pytest.mark.parametrize("name", ["weights.safetensors", "state.pt"])
def test_a_cut_file_is_no_checkpoint(tmp_path: Path, name: str) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    save(checkpoints, 1)
    shutil.copytree(checkpoints.last, checkpoints.folder / "last.new")
    cut = checkpoints.folder / "last.new" / name
    cut.write_bytes(cut.read_bytes()[:-40])
    assert settled_step(checkpoints) == 1


def test_only_old_is_left(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    save(checkpoints, 1)
    checkpoints.last.rename(checkpoints.folder / "last.old")
    checkpoints.last.mkdir()  # broken
    assert settled_step(checkpoints) == 1


def test_nothing_is_no_checkpoint(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "checkpoints").settle() is None
    (tmp_path / "checkpoints" / "last").mkdir(parents=True)
    assert Checkpoints(tmp_path / "checkpoints").settle() is None


@pytest.mark.parametrize("name", ["weights.safetensors", "state.pt"])
def test_a_damaged_checkpoint_is_neither_used_nor_replaced(tmp_path: Path, name: str) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    save(checkpoints, 1)
    damaged = checkpoints.last / name
    damaged.write_bytes(damaged.read_bytes()[:-40])
    with pytest.raises(NirganError, match="cannot be read, and no other checkpoint"):
        checkpoints.settle()
    assert damaged.exists()


def test_states_that_could_run_code_are_refused(tmp_path: Path) -> None:
    torch.save({"step": Path("x")}, tmp_path / "state.pt")
    with pytest.raises(NirganError, match="not a whole training state"):
        read_state(tmp_path)
