"""An interrupted run that goes on is the run that was not interrupted."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from same_run import assert_same_run, events, state_of
from toy_training import toy_config

from nirgan.errors import NirganError
from nirgan.inference.find import find_weights
from nirgan.models.weights import read_weights
from nirgan.monitoring.progress import Silent
from nirgan.training import TrainResult, train
from nirgan.training.checkpoint import Checkpoints


class CrashError(Exception):
    """The machine went away."""


class At(Silent):
    """Does something when a step is done."""

    def __init__(self, step: int, act: Any) -> None:
        self._at, self._act = step, act

    def step(self, step: int, total: int | None) -> None:
        if step == self._at:
            self._act()


def crash() -> None:
    raise CrashError


def run(pairs: Path, out: Path, **settings: Any) -> TrainResult:
    return train(toy_config(pairs, **settings), out=out, progress=Silent())


def go_on(out: Path, **given: Any) -> TrainResult:
    return train(None, out=out, resume=True, given=given, progress=Silent())


@pytest.mark.parametrize("precision", ["32", "bf16"])
def test_crash_and_resume_is_bit_equal(pairs: Path, tmp_path: Path, precision: str) -> None:
    whole = run(pairs, tmp_path / "whole", precision=precision)
    with pytest.raises(CrashError):
        train(toy_config(pairs, precision=precision), out=tmp_path / "cut", progress=At(8, crash))
    assert state_of(tmp_path / "cut")["step"] == 5
    resumed = go_on(tmp_path / "cut")
    assert (whole.steps, resumed.steps) == (10, 10)
    assert whole.val == resumed.val
    assert_same_run(tmp_path / "whole", tmp_path / "cut")
    assert sum(value.numel() for value in state_of(tmp_path / "cut")["recipe"]["pool._extra_state"].values()) > 0


def test_workers_do_not_matter(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "whole")
    with pytest.raises(CrashError):
        train(toy_config(pairs), out=tmp_path / "cut", progress=At(7, crash))
    go_on(tmp_path / "cut", workers=1)
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_step_and_saves(pairs: Path, tmp_path: Path, number: int) -> None:
    run(pairs, tmp_path / "whole")
    stopped = train(toy_config(pairs), out=tmp_path / "cut", progress=At(4, lambda: os.kill(os.getpid(), number)))
    assert (stopped.signal, stopped.steps, state_of(tmp_path / "cut")["step"]) == (number, 4, 4)
    go_on(tmp_path / "cut")
    assert_same_run(tmp_path / "whole", tmp_path / "cut")


def test_the_first_signal_gives_the_second_its_deadly_meaning_back(pairs: Path, tmp_path: Path) -> None:
    seen: list[Any] = []

    def act() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    train(toy_config(pairs), out=tmp_path / "run", progress=At(2, act))
    assert seen == [signal.SIG_DFL]
    assert signal.getsignal(signal.SIGINT) == before


def test_events_hold_each_step_once(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "whole")
    with pytest.raises(CrashError):
        train(toy_config(pairs), out=tmp_path / "cut", progress=At(10, crash))  # step 6 and 9 are logged twice
    before = events(tmp_path / "cut")
    assert (9, "loss/g/l1") in before
    go_on(tmp_path / "cut")
    once = events(tmp_path / "cut")
    assert set(once.values()) == {1}
    # A process's first step is not measured, so a line right after it has no speed.
    assert set(events(tmp_path / "whole")) - set(once) <= {(6, "speed/images_per_s")}
    assert not set(once) - set(events(tmp_path / "whole"))
    tags = {tag for _, tag in once}
    assert {"loss/d/gan", "loss/g/gan", "loss/g/l1", "lr/d", "grad_norm/g", "val/psnr", "speed/images_per_s"} <= tags
    assert {"samples/val", "samples/train"} <= tags
    assert (tmp_path / "cut" / "samples" / "step_000010.png").is_file()


def test_a_cache_folder_is_found_again_from_another_working_folder(
    pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    run(pairs, tmp_path / "run", dataset={"disk_cache": "cache"})
    monkeypatch.chdir(tmp_path / "elsewhere")
    go_on(tmp_path / "run", steps=11)
    assert not list((tmp_path / "elsewhere").iterdir())
    assert go_on(tmp_path / "run", steps=12, dataset={"disk_cache": "../cache"}).steps == 12


def test_killed_before_the_first_checkpoint_starts_again(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "whole")
    with pytest.raises(CrashError):
        train(toy_config(pairs), out=tmp_path / "cut", progress=At(4, crash))
    go_on(tmp_path / "cut")
    assert_same_run(tmp_path / "whole", tmp_path / "cut")
    assert set(events(tmp_path / "cut").values()) == {1}


def test_more_steps_go_on_and_the_new_limit_is_kept(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "run")
    assert go_on(tmp_path / "run").steps == 10  # nothing left
    assert go_on(tmp_path / "run", steps=12).steps == 12
    assert go_on(tmp_path / "run").steps == 12


@pytest.mark.parametrize("steps", [5, 6])
def test_fewer_steps_leave_no_best_of_the_part_that_was_given_up(pairs: Path, tmp_path: Path, steps: int) -> None:
    # With a rate this small, eight-bit scores never change: no later validation is better.
    still = {"optimiser": {"lr": 1e-12}, "ema": {"decay": 0.0}, "options": {"noise": False}}
    with pytest.raises(CrashError):
        train(toy_config(pairs, **still), out=tmp_path / "run", progress=At(9, crash))
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    best = checkpoints.folder / "best" / "weights.safetensors"
    info, tensors = read_weights(checkpoints.last / "weights.safetensors")
    checkpoints.save_best(tensors, info.model_copy(update={"step": 8}))
    assert go_on(tmp_path / "run", steps=steps).steps == steps
    assert read_weights(best)[0].step == steps


def test_other_settings_are_refused_with_both_values(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "run")
    with pytest.raises(NirganError, match=r"ema\.decay is 0\.999 in .*config\.yaml, but 0\.5 was given"):
        go_on(tmp_path / "run", ema={"decay": 0.5})
    assert go_on(tmp_path / "run", ema={"decay": 0.999}, batch_size=2, device="cpu", workers=0).steps == 10


def test_resume_alone_takes_the_newest_run(pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NirganError, match="no run to resume"):
        train(None, resume=True)
    old = train(toy_config(pairs, steps=2), progress=Silent()).run
    new = train(toy_config(pairs, steps=2), progress=Silent()).run
    assert old != new
    assert old.parent == Path("runs")
    for file in old.rglob("*"):
        os.utime(file, (1, 1))
    assert train(None, resume=True, progress=Silent()).run == new
    assert find_weights(None).is_relative_to(new)
    os.utime(old / "config.yaml", (2e9, 2e9))  # as if somebody had just gone on with it: `translate` thinks the same
    assert find_weights(None).is_relative_to(old)
    assert train(None, resume=True, progress=Silent()).run == old


def test_state_holds_plain_values_only(pairs: Path, tmp_path: Path) -> None:
    run(pairs, tmp_path / "run")

    def kinds(value: Any) -> set[type]:
        if isinstance(value, dict):
            return set().union(*(kinds(item) for item in (*value, *value.values())))
        return set().union(*map(kinds, value)) if isinstance(value, list) else {type(value)}

    assert kinds(state_of(tmp_path / "run")) <= {torch.Tensor, int, float, str, bool}
