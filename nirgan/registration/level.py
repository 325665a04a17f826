"""A pair of pictures at a reduced size, and how its pixels belong to those of the whole size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from nirgan.registration.edges import Array, correlation, edges_of, gradient_of

_LEAST_SIDE = 16
_LEAST_COMMON = 0.3
"""Share of the target's pixels that the source has to cover to be compared with it."""


@dataclass(frozen=True)
class Level:
    """Both pictures, reduced so that things in them are about equally large.

    Attributes:
        target: Grey (h,w) float32.
        source: Grey (k,l) float32.
        target_edges: As ``edges_of``.
        source_edges: The same.
        target_scale: 3×3, from whole to reduced pixels of the target.
        source_scale: 3×3, from whole to reduced pixels of the source.
    """

    target: Array
    source: Array
    target_edges: Array
    source_edges: Array
    target_scale: Array
    source_scale: Array

    @classmethod
    def of(cls, source: Array, target: Array, *, size: float, ratio: float) -> Level:
        """Reduce a pair; never enlarge one of the two.

        Args:
            source: Grey, whole size.
            target: Grey, whole size.
            size: Root of the number of the target's pixels, at most.
            ratio: Source pixels per target pixel, roughly.
        """
        factor = min(1.0, ratio, size / math.sqrt(target.size))
        small_target, target_scale = _reduced(target, factor)
        small_source, source_scale = _reduced(source, factor / ratio)
        return cls(
            small_target, small_source, edges_of(small_target), edges_of(small_source), target_scale, source_scale
        )

    @property
    def pixel(self) -> float:
        """Side of a reduced pixel in whole pixels of the target."""
        return 1 / math.sqrt(self.target_scale[0, 0] * self.target_scale[1, 1])

    def reduced(self, matrix: Array) -> Array:
        """The matrix between reduced pixels for one between whole pixels."""
        return self.source_scale @ matrix @ np.linalg.inv(self.target_scale)

    def whole(self, matrix: Array) -> Array:
        """The matrix between whole pixels for one between reduced pixels."""
        whole = np.linalg.inv(self.source_scale) @ matrix @ self.target_scale
        return whole / whole[2, 2]

    def edge_correlation(self, matrix: Array) -> float:
        """How well edges agree under a matrix between reduced pixels; -1 if hardly anything is in common."""
        mask = self.common(matrix)
        if mask.mean() < _LEAST_COMMON:
            return -1.0
        return correlation(warp(self.source_edges, matrix, self.target.shape), self.target_edges, mask)

    def gradient_correlation(self, matrix: Array) -> float:
        """Correlation of plain gradient magnitudes under a matrix between reduced pixels, where both are seen."""
        mask = self.common(matrix)
        return correlation(gradient_of(warp(self.source, matrix, self.target.shape)), gradient_of(self.target), mask)

    def common(self, matrix: Array) -> Array:
        """Pixels of the target that the source shows, without its outermost ones: (h,w) bool."""
        inside = np.zeros(self.source.shape, np.float32)
        inside[2:-2, 2:-2] = 1
        return warp(inside, matrix, self.target.shape) > 0.99


def warp(picture: Array, matrix: Array, shape: tuple[int, ...]) -> Array:
    """A grey picture moved onto a grid (h,w): the result at x is the picture at ``matrix @ x``; zero outside."""
    return cv2.warpPerspective(picture, matrix, shape[1::-1], flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def moved(matrix: Array, points: Array) -> Array:
    """Points (n,2) under a 3×3 matrix."""
    at = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return at[:, :2] / at[:, 2:]


def corners_of(shape: tuple[int, ...]) -> Array:
    """Centres of the four corner pixels of a grid (h,w), clockwise from the first: (4,2)."""
    height, width = shape[:2]
    return np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], dtype=np.float64)


def _reduced(picture: Array, factor: float) -> tuple[Array, Array]:
    height, width = picture.shape
    # Rounded sides, so factors of their own: pixel centres have whole coordinates, corners of pictures are at -0.5.
    rows = min(height, max(_LEAST_SIDE, round(height * factor)))
    columns = min(width, max(_LEAST_SIDE, round(width * factor)))
    small = cv2.resize(picture, (columns, rows), interpolation=cv2.INTER_AREA) if factor < 1 else picture
    return small, scaling(columns / width, rows / height)


def scaling(right: float, down: float) -> Array:
    """3×3 matrix of a change of size, between pixel centres."""
    return np.array([[right, 0, (right - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]], dtype=np.float64)
