"""Losses and the like since the last log line, and the guard against NaN; the device is only asked when one is due."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from nirgan.training.runtime import Runtime


@dataclass
class _Row:
    """One step's numbers: ``values`` has one per tag."""

    step: int
    tags: list[str]
    values: Tensor
    keys: list[str] = field(default_factory=list)


class LossHistory:
    """Means of losses and other numbers between log lines.

    Args:
        runtime: The lines hold means over all processes.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._rows: list[_Row] = []

    def add(self, step: int, values: Mapping[str, Tensor], keys: Sequence[str]) -> None:
        """Remember one step (the first is 1) with its batch's keys; the values, by tag, stay on the device."""
        if values:
            self._rows.append(_Row(step, list(values), torch.stack(list(values.values())), list(keys)))

    def check(self) -> None:
        """End the run if a loss became NaN or infinite since the last line; call it on every process.

        Raises:
            NirganError: naming the first such term, its step and the pictures of the batch.
        """
        self._fetch()
        bad = next((words for row in self._rows if (words := _not_finite(row))), None)
        if not self._runtime.any(bad is not None):
            return
        step, message = min(found for found in self._runtime.gather(bad) if found is not None)
        self._runtime.fail(
            f"step {step}: {message}. What was saved before is kept; go on from it with a lower optimiser.lr "
            "in a new run (--init-from), or with clip_grad_norm, or precision 32"
        )

    def means(self) -> dict[str, float]:
        """Mean by tag over the steps that had it, and over the processes; forgets those steps."""
        self._fetch()
        sums: dict[str, list[float]] = {}
        for row in self._rows:
            for tag, value in zip(row.tags, row.values.tolist(), strict=True):
                sums.setdefault(tag, []).append(value)
        self._rows = []
        own = {tag: math.fsum(values) / len(values) for tag, values in sums.items()}
        everyone = self._runtime.gather(own)
        return {tag: math.fsum(means[tag] for means in everyone) / len(everyone) for tag in own}

    def _fetch(self) -> None:
        # One transfer for all steps since the last line.
        waiting = [row for row in self._rows if row.values.device.type != "cpu"]
        if waiting:
            fetched = torch.cat([row.values for row in waiting]).cpu()
            for row, values in zip(waiting, fetched.split([len(row.tags) for row in waiting]), strict=True):
                row.values = values

    def state_dict(self) -> list[dict[str, Any]]:
        """The steps since the last line, so that the next line of a resumed run says the same."""
        self._fetch()
        return [{"step": row.step, "tags": row.tags, "values": row.values.tolist()} for row in self._rows]

    def load_state_dict(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Put ``state_dict`` back."""
        self._rows = [_Row(row["step"], list(row["tags"]), torch.tensor(row["values"])) for row in state]


def _not_finite(row: _Row) -> tuple[int, str] | None:
    for tag, value in zip(row.tags, row.values.tolist(), strict=True):
        if tag.startswith("loss/") and not math.isfinite(value):
            pictures = ", ".join(dict.fromkeys(row.keys)) or "not known"
            return row.step, f"{tag} became {value} (batch: {pictures})"
    return None
