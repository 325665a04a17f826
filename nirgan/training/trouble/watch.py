"""Decides which trouble is said: one warning when it has lasted, none before it went away and came back."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from nirgan.training.trouble.alarm import Alarm
from nirgan.training.trouble.look import Look, collapsed, negative
from nirgan.training.trouble.norm_gap import Gap

logger = logging.getLogger(__name__)

SATURATED = 0.995
"""Mean separation of a log line from which on a discriminator is taken for perfect.

Healthy runs stay below: pix2pix at crop 256, whose discriminator also sees the source, comes to 0.95 in the mean and
to 1 in single batches; with an L1 weight ten times too large it comes to 0.998.
"""
SATURATED_STEPS = 1000
CHANCE = 0.55
"""Separation that any discriminator that learns exceeds sooner or later."""
CHANCE_STEPS = 2000


class Watch:
    """What is known about a run's troubles; its state travels with the run."""

    def __init__(self) -> None:
        self._alarms: dict[str, Alarm] = {}
        self._last_line = 0

    def line(self, step: int, values: Mapping[str, float]) -> None:
        """Take a log line's numbers by tag; of interest are the discriminators' separations."""
        for tag, value in values.items():
            if tag.startswith("gan/"):
                self._separation(tag, value, self._last_line, step)
        self._last_line = step

    def _separation(self, tag: str, value: float, start: int, step: int) -> None:
        rate, seen = f"phases.{tag.split('/')[1]}.lr", "the discriminator tells real from generated pictures"
        saturated = self._alarm(f"{tag} saturated", SATURATED_STEPS)
        if saturated.due(value >= SATURATED, step, since=start):
            words = f"{seen} without fail ({tag} {value:.3f}), so the generator hardly learns from it"
            advice = f"try a lower {rate}, more data or dataset.augment, or less weight of the generator's other terms"
            _say(step, saturated, words, advice)
        # From the beginning only: later, not to tell them apart is what a good generator is for.
        chance = self._alarm(f"{tag} chance", CHANCE_STEPS, again=False)
        if chance.due(value < CHANCE, step, since=start):
            words = f"{seen} no better than by chance ({tag} {value:.3f}), so the generator learns nothing from it"
            _say(step, chance, words, f"try a higher {rate}, or a wider discriminator")

    def pictures(self, step: int, looks: Sequence[Look]) -> None:
        """Take what validation or a sample grid shows; said is what two in a row show."""
        if not looks:
            return
        advice = "the generator collapsed: try a lower optimiser.lr, or more weight on a paired, cycle or identity term"
        self._twice("collapsed", step, collapsed(looks), advice)
        self._twice("negative", step, negative(looks), "an identity or paired term fixes the polarity")

    def norms(self, step: int, gap: Gap) -> None:
        """Take a measurement of batch norm; said is what two in a row show."""
        advice = "try a larger --batch-size, or options.norm=instance where the model has it"
        self._twice("batch norm", step, gap.words(), advice)

    def _twice(self, trouble: str, step: int, words: str | None, advice: str) -> None:
        alarm = self._alarm(trouble, patience=1)
        if alarm.due(words is not None, step):
            _say(step, alarm, words, advice)

    def _alarm(self, trouble: str, patience: int, *, again: bool = True) -> Alarm:
        return self._alarms.setdefault(trouble, Alarm(patience, again))

    def state_dict(self) -> dict[str, Any]:
        """Alarms by name, and the step of the last log line."""
        alarms = {name: alarm.state_dict() for name, alarm in self._alarms.items()}
        return {"alarms": alarms, "last_line": self._last_line}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put ``state_dict`` back."""
        self._alarms = {name: Alarm(**alarm) for name, alarm in state["alarms"].items()}
        self._last_line = state["last_line"]


def _say(step: int, alarm: Alarm, words: str | None, advice: str) -> None:
    logger.warning("step %d: since step %d %s: %s", step, alarm.since, words, advice)
