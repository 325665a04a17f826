"""A disk that is full, or refuses a write: what was whole stays, one line says it, and with room the run goes on."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from interrupted_runs import Ended, Forker, Moment, Run, files_of, interrupt, newest_whole
from moments import GROWS

from nirgan.training.checkpoint import Checkpoints

Whole = Callable[..., tuple[Path, Ended]]


@pytest.mark.parametrize("pace", [9, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("act", ["full", "once"])
def test_no_room_at_any_call_of_a_save(forker: Forker, tmp_path: Path, act: str, pace: int) -> None:
    total = forker.run("save", "whole", cwd=tmp_path).counts["any"]
    for nth in range(1, total + 1, pace):
        checkpoints = tmp_path / str(nth)
        ended = forker.run("save", checkpoints.name, cwd=tmp_path, moment=("any", nth, act))
        assert ended.code == 0 or "OSError: [Errno 28] No space left on device" in ended.said
        over = int("0" + "".join(line for line in ended.said.splitlines() if line.isdecimal())[-1:])
        newest = newest_whole(checkpoints)
        assert newest == 3 if ended.code == 0 else newest in (over, over + 1)
        assert not list(checkpoints.rglob(".*"))
        assert Checkpoints(checkpoints).settle() == (checkpoints / "last" if newest else None)
        assert newest_whole(checkpoints) == newest
        assert not newest or {path.name for path in checkpoints.iterdir()} == {"best", "last"}


def says_it(run: Run, ended: Ended) -> None:
    """One line with what, where and what to do, and nothing half written lies about."""
    assert "cannot be written (No space left on device)" in ended.error
    assert ended.error.startswith(f"error: {run.path.name}")
    if run.path.exists():
        assert f"go on with nirgan train --resume --out {run.path.name}" in ended.error
        assert not [name for name in files_of(run.path) if name.endswith(".part")]


def starve(forker: Forker, workplace: Path, whole: tuple[Path, Ended], model: str, seed: int, times: int) -> None:
    dice = random.Random(f"full {model} {seed}")
    path, told = whole

    def moment(left: float) -> tuple[Moment, float]:
        name = dice.choice(("any", *(f"save {call}" for call in GROWS)))
        return (name, 1 + int(dice.random() * left * told.counts[name]), dice.choice(("full", "once"))), 0.0

    def begin(number: int) -> Run:
        return Run(forker, workplace, f"full-{model}-{seed}-{number}", model)

    interrupt(begin, path, times, moment, says_it)


def test_a_run_without_room_goes_on_when_there_is_some(forker: Forker, workplace: Path, whole: Whole) -> None:
    starve(forker, workplace, whole("pix2pix"), "pix2pix", 0, 2)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("model", ["pix2pix", "asym-cyclegan"])
def test_runs_without_room_go_on(forker: Forker, workplace: Path, whole: Whole, model: str, seed: int) -> None:
    starve(forker, workplace, whole(model), model, seed, 4)
