"""The shift between two pictures of one grid: correlation over all shifts, and its peak."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from nirgan.registration.edges import Array


@dataclass(frozen=True)
class Peak:
    """Where a correlation is largest.

    Attributes:
        x: Shift to the right in pixels, with a fraction: ``moving`` at (x + shift) shows what ``fixed`` shows at x.
        y: Shift down.
        height: The correlation there.
        prominence: The height in deviations of the correlation over all shifts.
    """

    x: float
    y: float
    height: float
    prominence: float


def correlate(moving: Array, fixed: Array) -> Array:
    """Correlation of ``fixed`` (h,w) with every window of ``moving`` (h + 2r, w + 2r): (2r + 1, 2r + 1) float32.

    Edges are about zero on average. Where a window leaves the picture, ``moving`` is zero, and the correlation shrinks
    with the root of what the two have in common, as its own noise does: near and far shifts compare fairly.
    """
    return np.nan_to_num(cv2.matchTemplate(moving, fixed, cv2.TM_CCORR_NORMED))


def padded(picture: Array, reach: int) -> Array:
    """A picture with a border of zeros, for ``correlate``."""
    return cv2.copyMakeBorder(picture, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=0)


def find_peak(surface: Array) -> Peak:
    """The peak of a correlation (2r + 1, 2r + 1), its place refined by a parabola in x and in y."""
    row, column = divmod(int(surface.argmax()), surface.shape[1])
    height = float(surface[row, column])
    deviation = float(np.sqrt(np.mean(np.square(surface, dtype=np.float64))))
    return Peak(
        x=column - surface.shape[1] // 2 + _vertex(surface[row], column),
        y=row - surface.shape[0] // 2 + _vertex(surface[:, column], row),
        height=height,
        prominence=height / deviation if deviation > 0 else 0.0,
    )


def _vertex(values: Array, at: int) -> float:
    """How far the vertex of the parabola through a maximum and its neighbours lies from it, -0.5 to 0.5."""
    if not 0 < at < len(values) - 1:
        return 0.0
    before, here, after = (float(value) for value in values[at - 1 : at + 2])
    bend = before - 2 * here + after
    return (before - after) / (2 * bend) if bend < 0 else 0.0
