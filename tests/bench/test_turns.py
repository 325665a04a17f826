"""Turns, ratios and ranges, with figures worked by hand."""

from __future__ import annotations

import pytest

from nirgan.bench.turns import LONG_ENOUGH, clocked, enough_times, rate, spread, take_turns, times_as_fast


def test_sides_take_turns() -> None:
    order: list[str] = []

    def side(name: str, seconds: float) -> float:
        order.append(name)
        return seconds * len(order)

    seconds = take_turns({"a": lambda: side("a", 1.0), "b": lambda: side("b", 10.0)}, rounds=3)
    assert "".join(order) == "ababab"
    assert seconds == {"a": [1, 3, 5], "b": [20, 40, 60]}


def test_ratios_are_of_neighbours() -> None:
    # A machine that slows down fourfold after the first round changes the seconds, not the ratios.
    ratios = times_as_fast([1.0, 4.0, 4.0], [2.0, 8.0, 12.0])
    assert ratios == {"median": 2.0, "low": 2.0, "high": 3.0}
    assert rate([2.0, 4.0], 8) == {"median": 3.0, "low": 2.0, "high": 4.0}
    assert spread([3.0, 1.0, 2.0]) == {"median": 2.0, "low": 1.0, "high": 3.0}


def test_a_measurement_is_the_mean_of_enough_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    now, waits = [0.0], []

    def work() -> None:
        now[0] += 0.25

    monkeypatch.setattr("nirgan.bench.turns.time.perf_counter", lambda: now[0])
    assert clocked(work, 4, lambda: waits.append(now[0]))() == 0.25
    assert waits == [0.0, 1.0]  # before the first and after the last
    assert enough_times(10.0) == 1
    assert enough_times(LONG_ENOUGH / 7.5) == 8
    assert enough_times(0.0) > 1000
