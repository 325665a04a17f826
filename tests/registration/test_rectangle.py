"""The largest rectangle that both pictures show."""

from __future__ import annotations

import numpy as np
import pytest
from known_pairs import similarity

from nirgan.registration.rectangle import Rectangle, common_rectangle


def brute_force(matrix: np.ndarray, source: tuple[int, int], target: tuple[int, int]) -> int:
    """Area of the largest rectangle of pixels that lie within the source, by trying all."""
    rows, columns = np.indices(target)
    at = np.stack([columns, rows, np.ones(target)], axis=-1) @ matrix.T
    x, y = at[..., 0] / at[..., 2], at[..., 1] / at[..., 2]
    inside = (x >= -1e-6) & (x <= source[1] - 1 + 1e-6) & (y >= -1e-6) & (y <= source[0] - 1 + 1e-6) & (at[..., 2] > 0)
    best = 0
    for top in range(target[0]):
        whole = np.ones(target[1], bool)
        for bottom in range(top, target[0]):
            whole &= inside[bottom]
            runs = "".join("1" if value else "0" for value in whole).split("0")
            best = max(best, max(map(len, runs)) * (bottom - top + 1))
    return best


def test_the_same_grid_is_whole() -> None:
    assert common_rectangle(np.eye(3), (30, 40), (30, 40)) == Rectangle(0, 0, 40, 30)


def test_a_shift_cuts_two_sides() -> None:
    # What the target shows at x the source shows at x + (3, -2.5): its columns end 3 earlier, its rows begin at 2.5.
    matrix = np.array([[1, 0, 3], [0, 1, -2.5], [0, 0, 1.0]])
    assert common_rectangle(matrix, (30, 40), (30, 40)) == Rectangle(0, 3, 37, 27)


@pytest.mark.parametrize(
    "matrix",
    [
        similarity((24, 32), 8, 1.05, 2.3, -1.7),
        similarity((24, 32), -5, 0.9, -4.1, 0.4),
        np.array([[1, 0.05, -2], [0.02, 0.97, 1.5], [2e-3, -1e-3, 1]]),
    ],
)
def test_no_rectangle_is_larger(matrix: np.ndarray) -> None:
    found = common_rectangle(matrix, (24, 32), (24, 32))
    assert found is not None
    assert found.area == brute_force(matrix, (24, 32), (24, 32))
    columns, rows = (found.left, found.left + found.width - 1), (found.top, found.top + found.height - 1)
    corners = [(x, y, 1) for x in columns for y in rows]
    at = np.array(corners) @ matrix.T
    assert ((at[:, :2] / at[:, 2:] >= -1e-5) & (at[:, :2] / at[:, 2:] <= np.array([31, 23]) + 1e-5)).all()


def test_a_margin_keeps_away_from_the_border() -> None:
    assert common_rectangle(np.eye(3), (30, 40), (30, 40), margin=1.5) == Rectangle(2, 2, 36, 26)


def test_strangers_have_nothing_in_common() -> None:
    assert common_rectangle(np.array([[1, 0, 100], [0, 1, 0], [0, 0, 1.0]]), (30, 40), (30, 40)) is None
