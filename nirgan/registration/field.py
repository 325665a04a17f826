"""A smooth field fitted to shifts at some places, and how certain it is at others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nirgan.registration.edges import Array

Form = Literal["translation", "similarity", "affine", "homography"]
SIMPLER: dict[str, tuple[Form, ...]] = {
    "translation": (),
    "similarity": (),
    "affine": ("similarity",),
    "homography": ("affine", "similarity"),
}
"""Forms with fewer freedoms, for pictures that do not determine more."""

_LEAST_NOISE_PX = 0.15
"""Standard error of one measured shift, at least; few shifts may agree by chance."""


@dataclass(frozen=True)
class Field:
    """Least squares of shifts, linear in its parameters; a homography to the first order.

    Attributes:
        form: Which parameters there are.
        centre: (2,), and
        unit: what coordinates are counted from and in, pixels.
        parameters: (p,).
        covariance: (p,p) in pixels².
    """

    form: Form
    centre: Array
    unit: float
    parameters: Array
    covariance: Array

    @classmethod
    def fitted(cls, points: Array, shifts: Array, form: Form, shape: tuple[int, ...]) -> Field | None:
        """Fit shifts (n,2) at points (n,2) of a picture (h,w); None if they do not determine the form."""
        height, width = shape[:2]
        centre, unit = np.array([(width - 1) / 2, (height - 1) / 2]), float(np.hypot(width, height)) / 2
        design = _design((points - centre) / unit, form)
        rows, count = design.shape
        if rows <= count or np.linalg.matrix_rank(design) < count:
            return None
        parameters = np.linalg.lstsq(design, shifts.ravel(), rcond=None)[0]
        misfit = shifts.ravel() - design @ parameters
        variance = max(float(misfit @ misfit) / (rows - count), _LEAST_NOISE_PX**2)
        return cls(form, centre, unit, parameters, variance * np.linalg.inv(design.T @ design))

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
        step = np.eye(3)
        terms = self.parameters / self.unit
        step[:2, 2] = terms[:2]
        if self.form == "similarity":
            grow, turn = terms[2:4]
            step[:2, :2] += [[grow, -turn], [turn, grow]]
        elif self.form != "translation":
            step[:2, :2] += terms[2:6].reshape(2, 2)
        if self.form == "homography":
            step[2, :2] = -terms[6:8]
        to_unit = np.array([[1.0, 0.0, -self.centre[0]], [0.0, 1.0, -self.centre[1]], [0.0, 0.0, self.unit]])
        found = np.linalg.inv(to_unit) @ step @ to_unit
        return found / found[2, 2]

    def _design_at(self, points: Array) -> Array:
        return _design((points - self.centre) / self.unit, self.form)


def _design(points: Array, form: Form) -> Array:
    """(2n,p): for each point the rows of its shift in x and in y; points count from the centre in units."""
    x, y = points.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    right, down = [one, zero], [zero, one]
    if form == "similarity":
        right += [x, -y]
        down += [y, x]
    elif form != "translation":
        right += [x, y, zero, zero]
        down += [zero, zero, x, y]
    if form == "homography":
        right += [x * x, x * y]
        down += [x * y, y * y]
    return np.stack([np.column_stack(right), np.column_stack(down)], axis=1).reshape(2 * len(points), len(right))
