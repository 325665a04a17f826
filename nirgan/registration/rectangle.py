"""The largest rectangle that both pictures of an aligned pair show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirgan.registration.edges import Array

_MOST_ROWS = 1000
"""Top and bottom rows that are tried, each with each."""


@dataclass(frozen=True)
class Rectangle:
    """A part of a picture, in whole pixels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def area(self) -> int:
        """Pixels."""
        return self.width * self.height


def common_rectangle(
    matrix: Array, source: tuple[int, ...], target: tuple[int, ...], *, margin: float = 0.0
) -> Rectangle | None:
    """The largest axis-aligned rectangle of the target whose every pixel lies within the source; None if none does.

    What the source shows of the target is convex. So a rectangle lies in it if its top and its bottom row do, and each
    row is asked once how far it reaches.

    Args:
        matrix: 3×3, from target to source pixels.
        source: Its (height, width).
        target: Its (height, width).
        margin: Pixels of the source's border that are not to be used.
    """
    rows = np.append(np.arange(0, target[0] - 1, -(-target[0] // _MOST_ROWS)), target[0] - 1)
    first, last = _columns(matrix, rows, source, target[1], margin)
    left, right = np.maximum(first[:, None], first), np.minimum(last[:, None], last)
    width = np.maximum(right - left + 1, 0)
    area = width * np.maximum(rows - rows[:, None] + 1, 0)
    # A row that reaches nowhere has first > last, and so does every pair with it.
    top, bottom = divmod(int(area.argmax()), len(rows))
    if area[top, bottom] <= 0:
        return None
    height = int(rows[bottom] - rows[top]) + 1
    return Rectangle(int(left[top, bottom]), int(rows[top]), int(width[top, bottom]), height)


def _columns(matrix: Array, rows: Array, source: tuple[int, ...], width: int, margin: float) -> tuple[Array, Array]:
    """First and last column of each row that lies within the source; an empty row has the first behind the last."""
    across, down, along = matrix / matrix[2, 2]
    # Where along @ (x, y, 1) is positive, x_source >= margin means (across - margin · along) @ (x, y, 1) >= 0.
    bounds = [
        along - np.array([0, 0, 1e-6]),
        across - margin * along,
        (source[1] - 1 - margin) * along - across,
        down - margin * along,
        (source[0] - 1 - margin) * along - down,
    ]
    first, last = np.zeros(len(rows)), np.full(len(rows), width - 1.0)
    for slope, lean, constant in bounds:
        rest = lean * rows + constant + 1e-6  # an identity's own border counts as inside
        if slope > 1e-12:
            first = np.maximum(first, -rest / slope)
        elif slope < -1e-12:
            last = np.minimum(last, -rest / slope)
        else:
            last = np.where(rest >= 0, last, -1.0)
    return np.ceil(first - 1e-6).astype(np.int64), np.floor(last + 1e-6).astype(np.int64)
