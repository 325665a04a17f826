"""A field of small shifts on top of a matrix, for parallax: optical flow between edge maps.

T. Kroeger, R. Timofte, D. Dai, L. Van Gool: Fast optical flow using dense inverse search, ECCV 2016, as OpenCV has it.
"""

from __future__ import annotations

import cv2
import numpy as np

from nirgan.registration.edges import Array, correlation
from nirgan.registration.estimate import Alignment
from nirgan.registration.level import warp

_LEVELS_PER_DEVIATION = 40
_SMOOTH_PX = 12.0
"""Colour and near-infrared differ in detail; only what a neighbourhood agrees on is believed."""
_LARGEST_PX = 6.0
_LEAST_GAIN = 0.01


def flow_of(alignment: Alignment) -> Array | None:
    """Shifts (h,w,2) in pixels of the reduced target, x before y; None if edges do not agree better with them.

    The source at ``matrix @ (x + flow(x))`` shows what the target shows at x. No shift is longer than 6 pixels of the
    measured size.
    """
    level = alignment.level
    matrix = level.reduced(alignment.matrix)
    moving, common = warp(level.source_edges, matrix, level.target.shape), level.common(matrix)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = search.calc(_levels(level.target_edges), _levels(moving), None)
    flow = _limited(cv2.GaussianBlur(np.where(common[..., None], found, np.float32(0)), (0, 0), _SMOOTH_PX))
    before = correlation(moving, level.target_edges, common)
    after = correlation(_moved(moving, flow), level.target_edges, common)
    return flow if after >= before + _LEAST_GAIN else None


def whole_size(flow: Array, target: tuple[int, ...]) -> Array:
    """The same shifts on the whole target's grid (H,W,2), in its pixels."""
    height, width = target[:2]
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    return cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * scale


def _levels(edges: Array) -> Array:
    return np.clip(128 + _LEVELS_PER_DEVIATION * edges, 0, 255).astype(np.uint8)


def _limited(flow: Array) -> Array:
    length = np.linalg.norm(flow, axis=2, keepdims=True)
    return flow * np.minimum(1, _LARGEST_PX / np.maximum(length, _LARGEST_PX)).astype(np.float32)


def _moved(picture: Array, flow: Array) -> Array:
    rows, columns = np.indices(picture.shape, dtype=np.float32)
    return cv2.remap(picture, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
