"""Parts of a picture, each searched for on its own."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from nirgan.registration.edges import edges_of
from nirgan.registration.tiles import measure_tiles

SIDE = 256
EVERYWHERE = np.ones((SIDE, SIDE), bool)


def texture(seed: int) -> np.ndarray:
    """Blobs of about four pixels."""
    return cv2.GaussianBlur(np.random.default_rng(seed).random((SIDE, SIDE), dtype=np.float32), (0, 0), 2) * 5


def test_each_part_is_found_where_it_is() -> None:
    fixed = texture(0)
    # What fixed shows at x, moving shows at x + (3, -1) above and at x below.
    moving = fixed.copy()
    moving[: SIDE // 2] = np.roll(fixed, (-1, 3), axis=(0, 1))[: SIDE // 2]
    tiles = measure_tiles(edges_of(moving), edges_of(fixed), EVERYWHERE)
    assert len(tiles.centres) == 16
    above = tiles.centres[:, 1] < SIDE // 2
    assert tiles.shifts[above] == pytest.approx(np.tile([3, -1], (8, 1)), abs=0.2)
    assert tiles.shifts[~above] == pytest.approx(np.zeros((8, 2)), abs=0.2)
    assert np.array_equal(tiles.agreeing.centres, tiles.centres[~above])


def test_parts_without_structure_or_partner_say_nothing() -> None:
    fixed = texture(0)
    flat = fixed.copy()
    flat[:, : SIDE // 2] = 0.5
    covered = EVERYWHERE.copy()
    covered[: SIDE // 2] = False
    tiles = measure_tiles(edges_of(fixed), edges_of(flat), covered)
    assert len(tiles.centres) == 4
    assert tiles.centres.min() > SIDE // 2


def test_parts_of_another_picture_are_mostly_found_nowhere() -> None:
    counts = [
        len(measure_tiles(edges_of(texture(seed)), edges_of(texture(seed + 1)), EVERYWHERE).centres)
        for seed in range(0, 10, 2)
    ]
    assert np.mean(counts) < 16 / 3


def test_a_straight_line_counts_though_it_is_found_all_along() -> None:
    picture = np.zeros((SIDE, SIDE), np.float32)
    for row in range(30, SIDE, 64):  # a line in each tile; noise, for both cameras have some
        picture[row] = 1
    noise = np.random.default_rng(0).normal(0, 0.01, (2, SIDE, SIDE)).astype(np.float32)
    tiles = measure_tiles(edges_of(picture + noise[0]), edges_of(picture + noise[1]), EVERYWHERE)
    assert len(tiles.centres) == 16
    assert np.abs(tiles.shifts[:, 1]).max() < 0.3
