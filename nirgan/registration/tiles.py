"""By how much each part of an aligned picture is still off, measured part by part, independently of each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from nirgan.registration.correlate import correlate, find_peak, padded
from nirgan.registration.edges import Array

REACH_PX = 8
"""Shifts that are searched for a tile. By chance one in 23 falls within ``AGREE_PX``; under the best of wrong
alignments it was one in five."""
AGREE_PX = 2.0
"""A tile that is found within this distance of where it should be agrees."""
_SIDE_PX = 64
_LEAST_DISTINCT, _PEAK_PX = 1.4, 3
"""How much higher a tile's peak has to be than anything further away, and from where on that is another place. Under
100 wrong alignments one tile in six had such a peak, in 120 registered pairs four in five."""
_LEAST_HEIGHT = 0.4
"""A peak as high as this needs no other distinction: under 100 wrong alignments none of 1000 tiles had 0.35. Along a
straight line the correlation is as high everywhere."""
_LEAST_TILES, _MOST_TILES = 3, 8
_LEAST_COVERED = 0.75
_LEAST_STRUCTURE = 0.15
"""Mean square of edges; 1 is structure everywhere, a clear sky has hardly any."""


@dataclass(frozen=True)
class Tiles:
    """Tiles that have structure in both pictures and are found at one place, or fit well.

    Attributes:
        centres: (n,2) in pixels of the target.
        shifts: (n,2): the source at centre + shift shows what the target shows at the centre.
    """

    centres: Array
    shifts: Array

    @property
    def agreeing(self) -> Tiles:
        """Those that lie where the alignment says."""
        agree = np.linalg.norm(self.shifts, axis=1) <= AGREE_PX
        return Tiles(self.centres[agree], self.shifts[agree])


def measure_tiles(moving: Array, fixed: Array, common: Array) -> Tiles:
    """Find each tile of the target in the moved source, within 8 pixels.

    Args:
        moving: Edges (h,w) of the source, already moved onto the target's grid.
        fixed: Edges (h,w) of the target.
        common: (h,w) bool, where the source shows something.
    """
    centres, shifts = [], []
    covered = np.where(common, moving, np.float32(0))
    around = padded(covered, REACH_PX)
    for rows, columns in product(_spans(fixed.shape[0]), _spans(fixed.shape[1])):
        if common[rows, columns].mean() < _LEAST_COVERED:
            continue
        tile = fixed[rows, columns]
        if min(np.square(tile).mean(), np.square(covered[rows, columns]).mean()) < _LEAST_STRUCTURE:
            continue
        wide = around[rows.start : rows.stop + 2 * REACH_PX, columns.start : columns.stop + 2 * REACH_PX]
        surface = correlate(wide, tile)
        peak = find_peak(surface)
        if peak.height < min(_LEAST_HEIGHT, _LEAST_DISTINCT * _elsewhere(surface)):
            continue
        centres.append(((columns.start + columns.stop - 1) / 2, (rows.start + rows.stop - 1) / 2))
        shifts.append((peak.x, peak.y))
    return Tiles(np.array(centres, np.float64).reshape(-1, 2), np.array(shifts, np.float64).reshape(-1, 2))


def _elsewhere(surface: Array) -> float:
    """The highest value of a correlation outside the neighbourhood of its peak."""
    row, column = divmod(int(surface.argmax()), surface.shape[1])
    others = surface.copy()
    others[max(0, row - _PEAK_PX) : row + _PEAK_PX + 1, max(0, column - _PEAK_PX) : column + _PEAK_PX + 1] = 0
    return float(others.max())


def _spans(length: int) -> list[slice]:
    """Rows or columns of 3 to 8 tiles, each of about 64 pixels or more."""
    count = int(np.clip(length // _SIDE_PX, _LEAST_TILES, _MOST_TILES))
    borders = [round(length * number / count) for number in range(count + 1)]
    return [slice(start, stop) for start, stop in pairwise(borders)]
