"""A run that is killed, whenever and however often, ends as the one that nobody touched."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from interrupted_runs import Ended, Forker, Moment, Run, assert_same_end, interrupt, newest_whole

from nirgan.training.checkpoint import Checkpoints

KILLED = -9
MODELS = ("pix2pix", "asym-cyclegan")
IN_A_SAVE = ("create", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir")
Whole = Callable[..., tuple[Path, Ended]]


@pytest.mark.parametrize("pace", [9, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_call_of_a_save_loses_nothing(forker: Forker, tmp_path: Path, pace: int) -> None:
    whole = forker.run("save", "whole", cwd=tmp_path)
    assert (whole.code, newest_whole(tmp_path / "whole")) == (0, 3)
    for nth in range(1, whole.counts["any"] + 1, pace):
        checkpoints = tmp_path / str(nth)
        ended = forker.run("save", checkpoints.name, cwd=tmp_path, moment=("any", nth, "kill"))
        assert ended.code == KILLED
        over = int("0" + ended.said.strip()[-1:])
        newest = newest_whole(checkpoints)
        assert newest in (over, over + 1)
        assert Checkpoints(checkpoints).settle() == (checkpoints / "last" if newest else None)
        assert newest_whole(checkpoints) == newest
        assert not newest or {path.name for path in checkpoints.iterdir()} == {"best", "last"}


def random_moment(dice: random.Random, whole: Ended, left: float) -> tuple[Moment, float]:
    """A call of what is left of a run (a share), one within a save, or an instant: seconds of processor time."""
    kind = dice.choice(("call", "save", "instant"))
    if kind == "instant":
        return (), dice.uniform(0.05, 1) * left * whole.cpu
    name = "any" if kind == "call" else f"save {dice.choice(IN_A_SAVE)}"
    return (name, 1 + int(dice.random() * left * whole.counts[name]), "kill"), 0.0


def was_killed(run: Run, ended: Ended) -> None:
    assert ended.code == KILLED, ended.said


def kill(forker: Forker, workplace: Path, whole: tuple[Path, Ended], model: str, seed: int, times: int) -> None:
    dice = random.Random(f"{model} {seed}")
    path, told = whole
    interrupt(
        lambda number: Run(forker, workplace, f"{model}-{seed}-{number}", model),
        path, times, lambda left: random_moment(dice, told, left), was_killed,
    )  # fmt: skip


def test_three_kills(forker: Forker, workplace: Path, whole: Whole) -> None:
    kill(forker, workplace, whole("pix2pix"), "pix2pix", 5, 3)


def test_killed_before_its_settings_were_written(forker: Forker, workplace: Path, whole: Whole) -> None:
    run = Run(forker, workplace, "early", "pix2pix")
    was_killed(run, run.go_on(("replace", 1, "kill")))  # of config.yaml
    resumed = forker.run("nirgan", "train", "--resume", "--out", "early", cwd=workplace)
    assert "early: no run to resume there; start one without --resume" in resumed.error
    assert run.go_on().code == 0
    assert_same_end(whole("pix2pix")[0], run.path)


@pytest.mark.parametrize("back", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_in_the_last_save_without_validation(forker: Forker, workplace: Path, whole: Whole, back: int) -> None:
    """Then the best weights are the last, and both are written."""
    more = ("--set", "validation.every_steps=0")
    path, told = whole("pix2pix", *more)
    run = Run(forker, workplace, f"unscored-{back}", "pix2pix", more)
    was_killed(run, run.go_on(("save replace", told.counts["save replace"] - back, "kill")))
    assert run.go_on().code == 0
    assert_same_end(path, run.path)


@pytest.mark.slow
def test_a_kill_at_every_call_of_a_start(forker: Forker, workplace: Path, whole: Whole) -> None:
    for nth in range(1, 40):
        run = Run(forker, workplace, f"start-{nth}", "pix2pix")
        was_killed(run, run.go_on(("any", nth, "kill")))
        assert run.newest() == 0
        assert run.go_on().code == 0
        assert_same_end(whole("pix2pix")[0], run.path)
        run.forget()


@pytest.mark.slow
@pytest.mark.parametrize("rename", [2, 3])
def test_a_kill_at_every_call_of_a_resume(forker: Forker, workplace: Path, whole: Whole, rename: int) -> None:
    """Of a run that was killed when its second checkpoint was to take the place of the first, and half way there."""
    half = Run(forker, workplace, f"half-{rename}", "pix2pix")
    was_killed(half, half.go_on(("save rename", rename, "kill")))
    for nth in range(1, 40):
        run = Run(forker, workplace, f"resume-{rename}-{nth}", "pix2pix")
        shutil.copytree(half.path, run.path)
        was_killed(run, run.go_on(("any", nth, "kill")))
        assert run.newest() == half.newest()
        assert run.go_on().code == 0
        assert_same_end(whole("pix2pix")[0], run.path)
        run.forget()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("model", MODELS)
def test_six_kills(forker: Forker, workplace: Path, whole: Whole, model: str, seed: int) -> None:
    kill(forker, workplace, whole(model), model, seed, 6)
