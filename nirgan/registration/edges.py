"""Edges that near-infrared and colour have in common, and how well they agree."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

Array = np.ndarray[Any, Any]

_SMOOTH_PX = 1.0
_NEIGHBOURHOOD_PX = 5.0
_NOISE = 4e-3
"""Deviation of edge strengths that counts as noise, of pictures stretched to [0,1]."""
_LEAST_SPAN = 0.01
"""Of full scale; what spans less is flat."""


def grey_of(picture: Array) -> Array:
    """Channels averaged and stretched so that the 1st percentile is 0 and the 99th is 1, (H,W) float32.

    Stretched, because a dark 12-bit file in a 16-bit range has the same edges as a bright one. This serves measuring
    alone; what is written keeps its numbers.

    Args:
        picture: (C,H,W) in [0,1].
    """
    grey = picture.mean(axis=0, dtype=np.float32)
    low, high = np.percentile(grey, (1, 99))
    return (grey - np.float32(low)) / np.float32(max(high - low, _LEAST_SPAN))


def edges_of(grey: Array) -> Array:
    """Strength of edges, less the mean of their neighbourhood and over its deviation: (H,W) float32, about zero.

    The idea of ``nirgan.layers.edge_map``: strength forgets which side is brighter, the neighbourhood forgets contrast.
    There the differences lie half a pixel to the right and below, which a rotation would turn into an error; here
    edges are centred on their pixels, and megapixels take milliseconds.
    """
    strength = gradient_of(cv2.GaussianBlur(grey, (0, 0), _SMOOTH_PX))
    strength -= cv2.GaussianBlur(strength, (0, 0), _NEIGHBOURHOOD_PX)
    variance = cv2.GaussianBlur(strength * strength, (0, 0), _NEIGHBOURHOOD_PX)
    return strength / np.sqrt(variance + np.float32(_NOISE**2))


def gradient_of(grey: Array) -> Array:
    """Gradient magnitude per pixel, (H,W) float32."""
    right = cv2.Sobel(grey, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(grey, cv2.CV_32F, 0, 1, scale=1 / 8)
    return cv2.magnitude(right, down)


def correlation(picture: Array, other: Array, mask: Array) -> float:
    """Pearson's correlation of two pictures where a mask (H,W) is true; 0 where one of them is constant."""
    first, second = picture[mask].astype(np.float64), other[mask].astype(np.float64)
    if not first.size:
        return 0.0
    first, second = first - first.mean(), second - second.mean()
    # Sums, not products of matrices: those start threads, which cost more here than they spare.
    norm = float(np.sqrt(np.square(first).sum() * np.square(second).sum()))
    return float((first * second).sum()) / norm if norm > 0 else 0.0
