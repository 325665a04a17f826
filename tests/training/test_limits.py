"""How long a run is."""

from __future__ import annotations

import pytest

from nirgan.errors import NirganError
from nirgan.models.recipe import Phase, Stage
from nirgan.training.limits import Horizon, Limits, in_words, stage_ends


def test_steps_and_epochs() -> None:
    assert Horizon(Limits(steps=70), 12).total == 70
    assert Horizon(Limits(epochs=2.5), 12).total == 30
    assert Horizon(Limits(epochs=0.01), 12).total == 1
    with pytest.raises(NirganError, match="--steps, --epochs or --minutes"):
        Horizon(Limits(), 12)


def test_minutes_become_steps_once_and_are_kept() -> None:
    horizon = Horizon(Limits(minutes=2), 12)
    assert not horizon.due(measured=28, seconds=40)
    assert horizon.due(measured=29, seconds=40)  # the first step is not measured: this is the 30th
    horizon.choose(step=30, seconds=40, seconds_per_step=0.5)
    assert horizon.total == 30 + (120 - 40) * 2
    assert not horizon.due(measured=60, seconds=60)
    later = Horizon(Limits(minutes=2), 12)
    later.load_state_dict(horizon.state_dict(), step=100, seconds=75)
    assert later.total == 190


def test_few_minutes_end_when_the_time_is_up() -> None:
    horizon = Horizon(Limits(minutes=0.1), 12)
    assert not horizon.due(measured=0, seconds=7)  # nothing to plan by
    assert horizon.due(measured=2, seconds=6.5)
    horizon.choose(step=3, seconds=6.5, seconds_per_step=2)
    assert horizon.total == 3


def test_other_minutes_count_the_time_so_far() -> None:
    horizon = Horizon(Limits(minutes=2), 12)
    horizon.choose(step=31, seconds=40, seconds_per_step=0.5)
    longer = Horizon(Limits(minutes=3), 12)
    longer.load_state_dict(horizon.state_dict(), step=200, seconds=100)  # half a second a step
    assert longer.total == 200 + 160
    early = Horizon(Limits(minutes=3), 12)
    early.load_state_dict(Horizon(Limits(minutes=3), 12).state_dict(), step=10, seconds=9)
    assert early.total is None  # too little to plan by: measured anew


def test_stages_share_the_steps() -> None:
    phases = (Phase("p", ("x",)),)
    stages = [Stage("a", phases, share=1), Stage("b", phases, share=2), Stage("c", phases, share=0.5)]
    assert stage_ends(stages, 70) == [20, 60, 70]


def test_words() -> None:
    assert [in_words(s) for s in (12, 720, 12_000)] == ["12 s", "12 min", "3 h 20 min"]
