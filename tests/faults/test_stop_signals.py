"""SIGTERM and Ctrl-C at any moment: the step is finished and saved, and the run goes on as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from interrupted_runs import Ended, Forker, Moment, Run, interrupt, rows_of

CODES = {"term": (143, -15), "int": (130, 130)}
"""In training, and before it: a shell says 143 for the signal -15."""


def stopped_well(run: Run, ended: Ended) -> None:
    act = run.path.name.split("-")[0]
    trained, early = CODES[act]
    assert "Traceback" not in ended.said
    if "\nstep " in ended.said:
        assert ended.code == trained, ended.said
        assert run.newest() == max(int(row[0]) for row in rows_of(run.path))
        assert f"go on with: nirgan train --resume --out {run.path.name}" in ended.said
    else:
        assert ended.code == early, ended.said


def stop_twice(forker: Forker, workplace: Path, whole: tuple[Path, Ended], model: str, act: str, seed: int) -> None:
    dice = random.Random(f"{model} {act} {seed}")
    path, told = whole

    def moment(left: float) -> tuple[Moment, float]:
        name = dice.choice(("any", "save any"))
        return (name, 1 + int(dice.random() * left * told.counts[name]), act), 0.0

    def begin(number: int) -> Run:
        return Run(forker, workplace, f"{act}-{model}-{seed}-{number}", model)

    interrupt(begin, path, 2, moment, stopped_well)


@pytest.mark.parametrize("act", ["term", pytest.param("int", marks=pytest.mark.slow)])
def test_a_stopped_run_goes_on(
    forker: Forker, workplace: Path, whole: Callable[..., tuple[Path, Ended]], act: str
) -> None:
    stop_twice(forker, workplace, whole("pix2pix"), "pix2pix", act, 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("act", CODES)
@pytest.mark.parametrize("model", ["pix2pix", "asym-cyclegan"])
def test_stopped_runs_go_on(
    forker: Forker, workplace: Path, whole: Callable[..., tuple[Path, Ended]], model: str, act: str, seed: int
) -> None:
    stop_twice(forker, workplace, whole(model), model, act, seed)
