"""Moving average of weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Ema:
    """Exponential moving average of parameters, warmed up so that the start does not linger.

    The decay after ``t`` updates is min(decay, (1 + t) / (10 + t)). Buffers are not averaged: while the average is
    swapped in, the networks keep their own.

    Args:
        parameters: By name as in the recipe's ``state_dict``.
        decay: Of a warm average, 0 to 1.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._parameters = dict(parameters)
        self._average = {name: parameter.detach().clone() for name, parameter in parameters.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the parameters; once a step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(list(self._average.values()), list(self._parameters.values()), 1 - decay)
        self.updates += 1

    def swap(self) -> None:
        """Exchange the average with the parameters; a second call gives them their own values back, bit by bit."""
        for name, parameter in self._parameters.items():
            parameter.data, self._average[name] = self._average[name], parameter.data

    def state_dict(self) -> dict[str, int | dict[str, Tensor]]:
        """The average by name and how often it was updated."""
        return {"updates": self.updates, "average": dict(self._average)}

    def load_state_dict(self, state: Mapping[str, int | dict[str, Tensor]]) -> None:
        """Put ``state_dict`` back, in the parameters' memory layout."""
        updates, average = state["updates"], state["average"]
        assert isinstance(updates, int)
        assert isinstance(average, dict)
        self.updates = updates
        for name, value in self._average.items():
            value.copy_(average[name])
