"""The eight bits that a user gets: what the protocol scores."""

from __future__ import annotations

from torch import Tensor


def to_8_bit(picture: Tensor) -> Tensor:
    """Clip to [0, 1], round to the nearest of 256 levels, and return the levels over 255 as float64.

    Float64, so that no metric loses digits in long sums. NaN stays NaN.
    """
    return (picture.double().clamp(0, 1) * 255).round() / 255
