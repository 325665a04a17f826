"""Random choices of a scene."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


class Dice:
    """Uniform draws that are the same on every machine and with every NumPy.

    Only raw PCG64 numbers are used: NumPy promises to keep those, but not what ``Generator`` makes of them (NEP 19).
    """

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence(list(key)))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number from ``low`` to ``high``."""
        return low + (high - low) * ((int(self._bits.random_raw()) >> 11) / 2**53)

    def several(self, count: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """``count`` numbers from ``low`` to ``high``."""
        raw = np.asarray(self._bits.random_raw(count), dtype=np.uint64) >> np.uint64(11)
        return low + (high - low) * (raw / 2**53)

    def integer(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return min(low + int(self.uniform() * (high - low + 1)), high)

    def chance(self, share: float) -> bool:
        """True in a ``share`` of all cases."""
        return self.uniform() < share

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items."""
        return items[self.integer(0, len(items) - 1)]
