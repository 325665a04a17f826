"""A smooth field fitted to shifts at some places, and how certain it is at others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nirgan.registration.ecc import Model
from nirgan.registration.edges import Array

_PARAMETERS: dict[Model, int] = {"translation": 2, "affine": 6, "homography": 8}
_SIMILARITY = 4
"""Parameters of which nothing is expected: shift, scale and rotation."""
_DEPARTURE = 0.005
"""Expected deviation of the others, stretch, shear and perspective. Two cameras that see one scene differ little in
them: of real pairs that show it, the median is 0.001."""
_NOISE_PX, _NOISE_COUNT = 0.3, 4
"""Expected standard error of a measured shift, and how many numbers that counts as: few may agree by chance."""


@dataclass(frozen=True)
class Field:
    """Least squares of shifts, linear in its parameters; a homography to the first order.

    Attributes:
        centre: (2,), and
        unit: what coordinates are counted from and in, pixels.
        parameters: (p,) in pixels: shift (2), scale, rotation, stretch, shear, perspective (2), as many as there are.
        covariance: (p,p) in pixels².
    """

    centre: Array
    unit: float
    parameters: Array
    covariance: Array

    @classmethod
    def fitted(
        cls, points: Array, shifts: Array, model: Model, shape: tuple[int, ...], matrix: Array | None = None
    ) -> Field | None:
        """Fit shifts (n,2) at points (n,2) of a picture (h,w); None if they are too few.

        Where only a strip of a picture has structure, its shifts say nothing of stretch and shear across it. These are
        expected to be small, so a picture gets of them what its shifts ask for and no more (ridge regression).

        Args:
            points: Pixels.
            shifts: Pixels.
            model: Which parameters there are.
            shape: Of the picture.
            matrix: 3×3 that is applied after the field; what it departs from a similarity counts with the field's own.
        """
        centre, unit = _centre(shape), math.hypot(*shape[:2]) / 2
        count, measured = _PARAMETERS[model], shifts.ravel()
        design = _design((points - centre) / unit, count)
        if len(measured) <= count:
            return None
        weights = np.zeros(count)
        weights[_SIMILARITY:] = 1 / (_DEPARTURE * unit) ** 2
        variance = _variance(design, measured)
        precision = design.T @ design / variance + np.diag(weights)
        if np.linalg.matrix_rank(precision) < count:
            return None
        departure = _departure(np.eye(3) if matrix is None else matrix, centre, unit)[:count]
        covariance = np.linalg.inv(precision)
        pulled = design.T @ measured / variance - weights * departure
        return cls(centre, unit, covariance @ pulled, covariance)

    def at(self, points: Array) -> Array:
        """The field at points (n,2): shifts (n,2) in pixels."""
        return (self._design_at(points) @ self.parameters).reshape(-1, 2)

    def error_at(self, points: Array) -> Array:
        """Length of the field's standard error at points (n,2): (n,) in pixels."""
        design = self._design_at(points)
        variances = np.einsum("ij,jk,ik->i", design, self.covariance, design)
        return np.sqrt(variances.reshape(-1, 2).sum(axis=1))

    def matrix(self) -> Array:
        """3×3 that moves a point by the field."""
        terms = np.zeros(8)
        terms[: len(self.parameters)] = self.parameters / self.unit
        right, down, grow, turn, stretch, shear, across, along = terms
        change = [[grow + stretch, shear - turn, right], [shear + turn, grow - stretch, down], [-across, -along, 0]]
        to_unit = _to_unit(self.centre, self.unit)
        found = np.linalg.inv(to_unit) @ (np.eye(3) + np.array(change)) @ to_unit
        return found / found[2, 2]

    def _design_at(self, points: Array) -> Array:
        return _design((points - self.centre) / self.unit, len(self.parameters))


def _design(points: Array, count: int) -> Array:
    """(2n,p): for each point the rows of its shift in x and in y; points count from the centre in units."""
    x, y = points.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    right = np.column_stack([one, zero, x, -y, x, y, x * x, x * y])
    down = np.column_stack([zero, one, y, x, -y, x, x * y, y * y])
    return np.stack([right, down], axis=1).reshape(2 * len(points), 8)[:, :count]


def _variance(design: Array, measured: Array) -> float:
    """Of a measured number, by what the parameters leave over of all."""
    solution, _, rank, _ = np.linalg.lstsq(design, measured, rcond=None)
    misfit = measured - design @ solution
    return (float(misfit @ misfit) + _NOISE_COUNT * _NOISE_PX**2) / (len(measured) - int(rank) + _NOISE_COUNT)


def _centre(shape: tuple[int, ...]) -> Array:
    return np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])


def _to_unit(centre: Array, unit: float) -> Array:
    return np.array([[1.0, 0.0, -centre[0]], [0.0, 1.0, -centre[1]], [0.0, 0.0, unit]])


def _departure(matrix: Array, centre: Array, unit: float) -> Array:
    """By how much a matrix departs from a similarity, in the parameters of a field that would come before it."""
    whole = matrix @ np.linalg.inv(_to_unit(centre, unit))
    whole = whole / whole[2, 2]
    linear = whole[:2, :2] - np.outer(whole[:2, 2], whole[2, :2])
    grow, turn = (linear[0, 0] + linear[1, 1]) / 2, (linear[1, 0] - linear[0, 1]) / 2
    rest = np.linalg.inv([[grow, -turn], [turn, grow]]) @ linear - np.eye(2)
    return unit * np.array([0, 0, 0, 0, rest[0, 0], rest[0, 1], -whole[2, 0], -whole[2, 1]])
