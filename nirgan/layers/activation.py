"""What a generator ends in, by name."""

from __future__ import annotations

from typing import Literal

from torch import nn

Activation = Literal["tanh", "sigmoid", "relu", "none"]
"""``tanh`` and ``sigmoid`` draw a picture; ``relu`` gives features, for a head that another module puts on them;
``none`` leaves all as it was drawn.

A generator whose constructor takes ``activation`` beside ``in_channels`` and ``out_channels`` can carry any head.
"""


def make_activation(kind: Activation) -> nn.Module:
    """The activation called so."""
    kinds: dict[Activation, type[nn.Module]] = {
        "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid,
        "relu": nn.ReLU,
        "none": nn.Identity,
    }
    return kinds[kind]()
