"""What a generator ends in, by name."""

from __future__ import annotations

from typing import Literal

from torch import nn

Activation = Literal["tanh", "relu"]
"""``tanh`` draws a picture; ``relu`` gives features, for a head that another module puts on the generator.

A generator whose constructor takes ``activation`` beside ``in_channels`` and ``out_channels`` can carry any head.
"""


def make_activation(kind: Activation) -> nn.Module:
    """The activation called so."""
    return nn.Tanh() if kind == "tanh" else nn.ReLU()
