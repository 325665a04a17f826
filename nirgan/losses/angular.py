"""Difference of colours as directions, blind to brightness: what the field's angular error scores."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from nirgan.registry import LOSSES

Measure = Literal["chord", "cosine"]
"""About the angle itself, or half its square."""

DARK = 0.02
"""Length of a colour, five 8-bit levels, at which its direction begins to count; black has none."""
ROUND = 0.01
"""Angle in radians (0.6°) below which the chord is squared."""


@LOSSES.register("angular")
def angular(output: Tensor, target: Tensor, *, measure: Measure = "chord") -> Tensor:
    """Mean over pixels of how far apart the directions of two colours are.

    A direction is the colour over its length, √(r² + g² + b² + 0.02²): black gets none, and the gradient stays
    below 50. ``chord`` is the distance of the two directions, 2 sin(θ/2), with a round bottom, √(d² + 0.01²) - 0.01:
    like the score, it counts small angles in proportion, and its gradient at 0 is 0, where that of arccos has no bound.
    ``cosine`` is half the square of the distance, 1 - cos θ where nothing is dark: small angles hardly count.

    Args:
        output: RGB (B,3,…), about [0, 1]; values outside are directions, too.
        target: RGB in [0, 1] of the same shape.
        measure: Which of the two.

    Returns:
        float32 scalar; 0 for equal pictures.
    """
    distance = (_direction(output) - _direction(target)).square().sum(dim=1)
    if measure == "cosine":
        return distance.mean() / 2
    return ((distance + ROUND**2).sqrt() - ROUND).mean()


def _direction(colours: Tensor) -> Tensor:
    colours = colours.float()
    return colours / (colours.square().sum(dim=1, keepdim=True) + DARK**2).sqrt()
