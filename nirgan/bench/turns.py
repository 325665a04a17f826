"""Compare speeds on a machine that is not quiet: the sides take turns, and neighbours are compared."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

Side = Callable[[], float]
"""Does its work once (or a few times) and returns the seconds that one piece of it took."""
Spread = dict[str, float]
"""``median``, ``low`` and ``high`` (least and greatest) of a few measurements."""

LONG_ENOUGH = 0.3
"""Seconds below which one measurement says more of the clock and the scheduler than of the work."""


def take_turns(sides: Mapping[str, Side], rounds: int) -> dict[str, list[float]]:
    """Seconds of each side in each round, the sides one after the other (A B A B …)."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            seconds[name].append(side())
    return seconds


def clocked(
    work: Callable[[], object],
    times: int = 1,
    wait: Callable[[], None] = lambda: None,
    *,
    before: Callable[[], None] | None = None,
) -> Side:
    """A side that does ``work`` several times in one measurement.

    Args:
        work: What is measured.
        times: How often in one measurement; the side returns the mean.
        wait: Waits for the device to finish.
        before: Sets up what this side works with; once more the work is done then, before the clock starts.
    """

    def side() -> float:
        if before is not None:
            before()
            work()
        wait()
        began = time.perf_counter()
        for _ in range(times):
            work()
        wait()
        return (time.perf_counter() - began) / times

    return side


def enough_times(seconds: float) -> int:
    """How often work of so many seconds is done in one measurement, so that it is long enough."""
    return max(1, math.ceil(LONG_ENOUGH / max(seconds, 1e-6)))


def spread(values: Sequence[float]) -> Spread:
    """Median and range."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def rate(seconds: Sequence[float], pieces: float) -> Spread:
    """Pieces a second, where one measurement's seconds are for so many pieces."""
    return spread([pieces / value for value in seconds])


def times_as_fast(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Spread of the ratios theirs / ours, round by round: 2 is twice as fast as theirs."""
    return spread([other / own for own, other in zip(ours, theirs, strict=True)])
