"""Pairs whose truth is known, and how far an answer is from it; written without nirgan's own geometry."""

from __future__ import annotations

import cv2
import numpy as np

from nirgan.data.synth import render

SIDE, EDGE = 256, 40

Pair = tuple[np.ndarray, np.ndarray]
"""Source (1,H,W) and target (3,H,W), float32 in [0,1]."""


def scene_pair(index: int, **camera: float) -> tuple[Pair, np.ndarray]:
    """A built-in scene seen by two cameras, and the matrix from colour to NIR pixels, 3×3."""
    scene = render(1, index, height=SIDE, width=SIDE, **camera)
    pair = np.ascontiguousarray(scene.nir[None]), np.ascontiguousarray(scene.rgb.transpose(2, 0, 1))
    return pair, np.vstack([scene.matrix, [0, 0, 1]])


def warped_pair(index: int, matrix: np.ndarray) -> Pair:
    """The middle of a larger scene, with its NIR picture moved by ``matrix`` (3×3, from colour to NIR pixels)."""
    scene = render(1, index, height=SIDE + 2 * EDGE, width=SIDE + 2 * EDGE)
    shown = np.array([[1.0, 0, EDGE], [0, 1, EDGE], [0, 0, 1]]) @ np.linalg.inv(matrix)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    nir = np.clip(cv2.warpPerspective(scene.nir, shown, (SIDE, SIDE), flags=flags), 0, 1)
    inner = slice(EDGE, EDGE + SIDE)
    return nir[None], np.ascontiguousarray(scene.rgb[inner, inner].transpose(2, 0, 1))


def similarity(size: tuple[int, int], degrees: float, scale: float, x: float, y: float) -> np.ndarray:
    """3×3 that turns by degrees about the middle of a picture (height, width), scales and shifts."""
    height, width = size
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    angle = np.deg2rad(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = np.eye(3)
    found[:2, :2], found[:2, 2] = turn, centre - turn @ centre + (x, y)
    return found


def corner_errors(found: np.ndarray, true: np.ndarray, height: int = SIDE, width: int = SIDE) -> np.ndarray:
    """Distances of the four corners, (4,)."""
    corners = np.array([(0, 0, 1), (width - 1, 0, 1), (0, height - 1, 1), (width - 1, height - 1, 1)], np.float64)
    one, other = ((corners @ matrix.T)[:, :2] / (corners @ matrix.T)[:, 2:] for matrix in (found, true))
    return np.sqrt(((one - other) ** 2).sum(axis=1))
