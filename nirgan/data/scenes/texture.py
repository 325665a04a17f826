"""Value noise: one periodic texture, computed once, that scenes look up wherever they like."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from nirgan.data.scenes.dice import Dice

SIDE = 512
_PAD = 4


def noise(x: np.ndarray, y: np.ndarray, *, roughness: float = 0.5) -> np.ndarray:
    """Fractal value noise at points, mean 0 and standard deviation about 1, periodic with 1 in x and y.

    Args:
        x: Any shape of two axes.
        y: As ``x``.
        roughness: Amplitude of each octave relative to the one before, as one of 0.5 (clouds) and 0.8 (leaves).
    """
    texture = _texture(roughness)
    columns = np.mod(x, 1).astype(np.float32) * SIDE
    rows = np.mod(y, 1).astype(np.float32) * SIDE
    return cv2.remap(texture, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def ridge(x: np.ndarray, dice: Dice, *, octaves: int = 6, roughness: float = 0.5) -> np.ndarray:
    """A skyline over ``x`` (1-D, scene units): sums of value noise in one dimension, about -1 to 1."""
    total = np.zeros_like(x, dtype=np.float64)
    for octave in range(octaves):
        values = dice.several(64, -1, 1)
        at = np.mod(x * 2**octave + dice.uniform(0, 64), 64)
        left = np.floor(at).astype(int)
        part = at - left
        part = part * part * (3 - 2 * part)
        total += roughness**octave * (values[left % 64] * (1 - part) + values[(left + 1) % 64] * part)
    return total


@lru_cache(maxsize=4)
def _texture(roughness: float) -> np.ndarray:
    """(SIDE + 1, SIDE + 1) float32; the last row and column repeat the first, for interpolation across the seam."""
    dice = Dice(7, round(1000 * roughness))
    total = np.zeros((SIDE, SIDE), np.float32)
    cells = 4
    amplitude = 1.0
    while cells <= SIDE // 2:
        lattice = dice.several(cells * cells, -1, 1).reshape(cells, cells).astype(np.float32)
        wide = np.pad(lattice, _PAD, mode="wrap")
        scale = SIDE // cells
        grown = cv2.resize(wide, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        total += amplitude * grown[_PAD * scale : _PAD * scale + SIDE, _PAD * scale : _PAD * scale + SIDE]
        amplitude *= roughness
        cells *= 2
    total = (total - total.mean()) / total.std()
    return np.ascontiguousarray(np.pad(total, (0, 1), mode="wrap"))
