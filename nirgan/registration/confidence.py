"""Whether an alignment is to be believed: three questions, and the worst answer counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirgan.registration.correlate import correlate, padded
from nirgan.registration.ecc import Model
from nirgan.registration.edges import Array
from nirgan.registration.field import Field
from nirgan.registration.level import Level, corners_of, warp
from nirgan.registration.tiles import AGREE_PX, Tiles, measure_tiles

LEAST_PROMINENCE = 4.0
"""Deviations by which the correlation of all edges stands out from that at other shifts."""
LEAST_AGREEMENT = 0.45
"""Share of tiles that agree, of all tiles and ``_STRANGERS`` more."""
MOST_DOUBT_PX = 3.0
"""How far the worst corner may be off as far as the tiles tell, bias and one standard error together; whole pixels."""
_STRANGERS = 4
"""Tiles that are counted as disagreeing beside those there are: three of three can agree by chance."""
_SURFACE_PX, _CENTRE_PX, _AROUND_PX = 12, 2, 5


@dataclass(frozen=True)
class Evidence:
    """What speaks for an alignment.

    Attributes:
        prominence: By how many deviations edges of the whole pictures agree better than at shifts of 6 to 12 pixels.
        tiles: Tiles of the target that are found in the source at all.
        agreeing: Those among them that are found within two pixels of where the alignment puts them.
        doubt: How far the worst corner may be off, in whole pixels of the target; infinite if the tiles cannot tell.
        residual: Root mean square of the agreeing tiles' distances, in the same.
    """

    prominence: float
    tiles: int
    agreeing: int
    doubt: float
    residual: float

    @property
    def confidence(self) -> float:
        """0 to 1; below 0.5 the alignment is not to be believed."""
        return min(score for score, _ in self._answers())

    @property
    def weakness(self) -> str:
        """The worst answer in words."""
        return min(self._answers())[1]

    def _answers(self) -> list[tuple[float, str]]:
        agreement = self.agreeing / (self.tiles + _STRANGERS)
        found = f"only {self.agreeing} of the {self.tiles} parts found in both pictures lie where it says"
        doubt = f"the corners are uncertain by {self.doubt:.1f} pixels" if np.isfinite(self.doubt) else ""
        return [
            (
                _half_at(self.prominence, LEAST_PROMINENCE),
                f"edges agree hardly better than at other places ({self.prominence:.1f} deviations)",
            ),
            (
                _half_at(agreement, LEAST_AGREEMENT),
                found if self.tiles else "no part of one picture is found in the other",
            ),
            (
                _half_at(MOST_DOUBT_PX, self.doubt) if self.doubt > 0 else 1.0,
                doubt or "too few parts of one picture are found in the other",
            ),
        ]


def judge(level: Level, matrix: Array, model: Model) -> tuple[Evidence, Tiles]:
    """Look for evidence that a matrix between reduced pixels is right.

    The tiles are an independent witness: each is searched for on its own, and under a wrong alignment they point
    anywhere. A field with the alignment's own freedoms through those that agree tells how certain the corners are;
    where half of a picture is sky, they are not.
    """
    moving = warp(level.source_edges, matrix, level.target.shape)
    common = level.common(matrix)
    tiles = measure_tiles(moving, level.target_edges, common)
    agreeing = tiles.agreeing
    evidence = Evidence(
        prominence=_prominence(np.where(common, moving, np.float32(0)), level.target_edges),
        tiles=len(tiles.centres),
        agreeing=len(agreeing.shifts),
        doubt=level.pixel * _doubt(agreeing, matrix, model, level.target.shape),
        residual=level.pixel * _length(agreeing.shifts),
    )
    return evidence, tiles


def _half_at(value: float, least: float) -> float:
    """0.5 where a value is just what is asked for, 1 at twice that and above."""
    return float(min(1.0, max(0.0, 0.5 * value / least)))


def _length(shifts: Array) -> float:
    """Root mean square length; of nothing, as much as would not agree."""
    return float(np.sqrt(np.square(shifts).sum(axis=1).mean())) if len(shifts) else AGREE_PX


def _doubt(agreeing: Tiles, matrix: Array, model: Model, shape: tuple[int, ...]) -> float:
    field = Field.fitted(agreeing.centres, agreeing.shifts, model, shape, matrix)
    if field is None:
        return float("inf")
    corners = corners_of(shape)
    return float((np.linalg.norm(field.at(corners), axis=1) + field.error_at(corners)).max())


def _prominence(moving: Array, fixed: Array) -> float:
    surface = correlate(padded(moving, _SURFACE_PX), fixed)
    distance = np.abs(np.arange(-_SURFACE_PX, _SURFACE_PX + 1))
    distance = np.maximum(distance[:, None], distance)
    deviation = float(np.sqrt(np.square(surface[distance > _AROUND_PX], dtype=np.float64).mean()))
    return float(surface[distance <= _CENTRE_PX].max()) / deviation if deviation > 0 else 0.0
