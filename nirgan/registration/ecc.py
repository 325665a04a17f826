"""Refinement by enhanced correlation: from a shift to the wanted model, each step only if edges agree better after it.

G. D. Evangelidis and E. Z. Psarakis: Parametric image alignment using enhanced correlation coefficient maximization,
IEEE TPAMI 30(10), 2008, as OpenCV has it.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from nirgan.registration.edges import Array
from nirgan.registration.level import Level, corners_of, moved, warp

Model = Literal["translation", "affine", "homography"]

_LADDERS: dict[str, tuple[int, ...]] = {
    "translation": (cv2.MOTION_TRANSLATION,),
    "affine": (cv2.MOTION_TRANSLATION, cv2.MOTION_EUCLIDEAN, cv2.MOTION_AFFINE),
    "homography": (cv2.MOTION_TRANSLATION, cv2.MOTION_EUCLIDEAN, cv2.MOTION_AFFINE, cv2.MOTION_HOMOGRAPHY),
}
_STOP = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-6)
_SMOOTH_PX = 5
_LARGEST_STEP = 0.06
"""Of the diagonal; a step that moves a corner further has run away."""


def refine(level: Level, matrix: Array, model: Model, *, whole_ladder: bool) -> Array:
    """The matrix between reduced pixels after the steps that made edges agree better.

    Args:
        level: The pair at one size.
        matrix: 3×3, from reduced target to reduced source pixels.
        model: Where the ladder ends.
        whole_ladder: Begin with a shift; else only the last step is made, as on finer levels.
    """
    height = level.edge_correlation(matrix)
    for motion in _LADDERS[model] if whole_ladder else _LADDERS[model][-1:]:
        step = _step(level, matrix, motion)
        if step is None:
            continue
        candidate = matrix @ step
        reached = level.edge_correlation(candidate)
        if reached > height:
            matrix, height = candidate / candidate[2, 2], reached
    return matrix


def _step(level: Level, matrix: Array, motion: int) -> Array | None:
    """The change of a matrix that ECC finds, 3×3 between target pixels; None if it does not converge or runs away.

    The source is moved onto the target's grid first. Every motion then begins with the identity: OpenCV's Euclidean
    motion would forget a scale, and all are conditioned best there.
    """
    moving = warp(level.source_edges, matrix, level.target.shape)
    mask = level.common(matrix).astype(np.uint8) * 255
    start = np.eye(3 if motion == cv2.MOTION_HOMOGRAPHY else 2, 3, dtype=np.float32)
    try:
        _, found = cv2.findTransformECC(level.target_edges, moving, start, motion, _STOP, mask, _SMOOTH_PX)
    except cv2.error:  # it says so of flat pictures, and of those that have nothing in common
        return None
    step = np.eye(3)
    step[: len(found)] = found
    corners = corners_of(level.target.shape)
    at_corners = np.column_stack([corners, np.ones(4)]) @ step[2]
    if not np.isfinite(step).all() or at_corners.min() <= 0.5:
        return None
    distance = float(np.linalg.norm(moved(step, corners) - corners, axis=1).max())
    return step if distance <= _LARGEST_STEP * float(np.linalg.norm(corners[2])) else None
