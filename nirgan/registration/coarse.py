"""Rotation, scale and shift from nothing: correlation of edges on a grid of rotations and scales."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from nirgan.registration.correlate import Peak, correlate, find_peak
from nirgan.registration.edges import Array
from nirgan.registration.level import Level

_SMOOTH_PX = 1.2
"""Edges are widened by this, so that a grid's step cannot pass between them."""
_ROTATION_STEP, _ROTATIONS = 2.0, 8
_SCALE_STEP, _SCALES = 0.04, 3
_REACH = 0.25
"""Of the smaller side: shifts that are searched."""
_KEPT = 3
_NEIGHBOUR = 1.5
"""Steps; what lies nearer to a better candidate is the same peak."""


@dataclass(frozen=True)
class Candidate:
    """A guess.

    Attributes:
        rotation: In degrees, of the source against the target.
        log_scale: Natural logarithm of the size of things in the source relative to the target.
        matrix: 3×3, from reduced target to reduced source pixels.
        height: Correlation of edges.
    """

    rotation: float
    log_scale: float
    matrix: Array
    height: float


def search(level: Level, *, shift_only: bool = False) -> list[Candidate]:
    """The best few similarities between two pictures that are about equally large, best first.

    Rotations within ±16° and scales within ±12 % are tried in steps of 2° and 4 %; the best three, if they are
    different ones, again in steps of 1° and 2 %, then 0.5° and 1 %. Shifts go up to a quarter of the smaller side.

    Args:
        level: About 160 × 160 pixels are enough; time grows with their square.
        shift_only: Try neither rotation nor scale.
    """
    moving, fixed = (cv2.GaussianBlur(edges, (0, 0), _SMOOTH_PX) for edges in (level.source_edges, level.target_edges))
    if shift_only:
        return [_try(moving, fixed, 0.0, 0.0)]
    grid = product(_steps(_ROTATION_STEP, _ROTATIONS), _steps(_SCALE_STEP, _SCALES))
    kept = _different([_try(moving, fixed, *at) for at in grid])
    for divisor in (2, 4):
        kept = [_best_around(moving, fixed, candidate, divisor) for candidate in kept]
    return sorted(kept, key=lambda candidate: -candidate.height)


def _steps(step: float, count: int) -> list[float]:
    return [step * number for number in range(-count, count + 1)]


def _best_around(moving: Array, fixed: Array, centre: Candidate, divisor: int) -> Candidate:
    around = product(_steps(_ROTATION_STEP / divisor, 1), _steps(_SCALE_STEP / divisor, 1))
    tried = (_try(moving, fixed, centre.rotation + r, centre.log_scale + s) for r, s in around if r or s)
    return max([centre, *tried], key=lambda candidate: candidate.height)


def _different(candidates: Iterable[Candidate]) -> list[Candidate]:
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda candidate: -candidate.height):
        if len(kept) < _KEPT and not any(_near(candidate, other) for other in kept):
            kept.append(candidate)
    return kept


def _near(candidate: Candidate, other: Candidate) -> bool:
    turned = abs(candidate.rotation - other.rotation) / _ROTATION_STEP
    scaled = abs(candidate.log_scale - other.log_scale) / _SCALE_STEP
    return max(turned, scaled) <= _NEIGHBOUR


def _try(moving: Array, fixed: Array, rotation: float, log_scale: float) -> Candidate:
    """Turn and scale the source about its centre onto the target's grid, a reach wider, and find the shift."""
    reach = int(_REACH * min(fixed.shape))
    about_centres = _similarity(moving.shape, fixed.shape, rotation, math.exp(log_scale))
    wide = about_centres @ _shift(-reach, -reach)
    size = (fixed.shape[1] + 2 * reach, fixed.shape[0] + 2 * reach)
    turned = cv2.warpAffine(moving, wide[:2], size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    peak: Peak = find_peak(correlate(turned, fixed))
    return Candidate(rotation, log_scale, about_centres @ _shift(peak.x, peak.y), peak.height)


def _similarity(source: tuple[int, ...], target: tuple[int, ...], rotation: float, scale: float) -> Array:
    """3×3 from target to source pixels: centre to centre, turned by degrees, scaled."""
    angle = math.radians(rotation)
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    turn = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    return _shift((source[1] - 1) / 2, (source[0] - 1) / 2) @ turn @ _shift(-(target[1] - 1) / 2, -(target[0] - 1) / 2)


def _shift(x: float, y: float) -> Array:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])
