"""How long a run is: steps, epochs or minutes, and how its steps are shared among stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from nirgan.errors import NirganError
from nirgan.models.recipe import Stage

MEASURED_STEPS = 29
"""Steps after which the speed is known well enough to plan by it; with the first, which is not measured, 30."""


@dataclass(frozen=True)
class Limits:
    """What was asked for; at most one is set."""

    steps: int | None = None
    epochs: float | None = None
    minutes: float | None = None


class Horizon:
    """The number of steps of the whole run; with ``minutes`` it is known once the speed is measured.

    Attributes:
        total: Steps, None as long as it is not known.
    """

    def __init__(self, limits: Limits, steps_per_epoch: int) -> None:
        self.limits = limits
        self.total: int | None = None
        self.chosen_from: float | None = None
        """Minutes from which ``total`` was chosen."""
        if limits.steps is not None:
            self.total = limits.steps
        elif limits.epochs is not None:
            self.total = max(1, round(limits.epochs * steps_per_epoch))
        elif limits.minutes is None:
            raise NirganError("how long to train is not known: give --steps, --epochs or --minutes")

    @property
    def words(self) -> str:
        """How long the run is, for people."""
        if self.total is None:
            return f"trains for {self.limits.minutes:g} minutes; the number of steps follows from the speed"
        return f"trains for {self.total} steps" + (f" ({self.limits.epochs:g} epochs)" if self.limits.epochs else "")

    def due(self, measured: int, seconds: float) -> bool:
        """Whether minutes can be turned into steps: after 30 steps, or earlier when the time is up."""
        if self.total is not None or self.limits.minutes is None or measured == 0:
            return False
        return measured >= MEASURED_STEPS or seconds >= self.limits.minutes * 60

    def choose(self, step: int, seconds: float, seconds_per_step: float) -> None:
        """Turn minutes into steps, once.

        Args:
            step: Steps done in the run.
            seconds: Training time so far.
            seconds_per_step: As measured.
        """
        assert self.limits.minutes is not None
        left = max(0.0, self.limits.minutes * 60 - seconds)
        self.total = step + int(left / seconds_per_step)
        self.chosen_from = self.limits.minutes

    def state_dict(self) -> dict[str, Any]:
        """What was chosen; plain numbers."""
        return {
            "total": self.total or 0,
            "chosen_from": self.chosen_from or 0.0,
            "epochs": self.limits.epochs or 0.0,
        }

    def load_state_dict(self, state: Mapping[str, Any], *, step: int, seconds: float) -> None:
        """Keep what an interrupted run chose, unless it is now asked for other minutes: those count the time so far."""
        if self.limits.epochs and state["epochs"] == self.limits.epochs:
            self.total = state["total"]  # as planned, also where another process count makes other epochs
        if self.limits.minutes is None:
            return
        if state["chosen_from"] == self.limits.minutes:
            self.total, self.chosen_from = state["total"], self.limits.minutes
        elif step >= MEASURED_STEPS:
            self.choose(step, seconds, seconds / step)


def stage_ends(stages: Sequence[Stage], total: int) -> list[int]:
    """Step at which each stage ends, the last at ``total``; stages get steps by their shares."""
    shares = list(accumulate(stage.share for stage in stages))
    return [round(total * share / shares[-1]) for share in shares]


def in_words(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
