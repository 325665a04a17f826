"""Small versions of pictures, for looking at them rather than for training."""

from __future__ import annotations

import cv2
import numpy as np

_MOST_CHANNELS = 4
"""OpenCV's area averages take no more."""


def shrink(pixels: np.ndarray, longest: int) -> np.ndarray:
    """Average areas of a picture (H, W, C) until its longer side has ``longest`` pixels; smaller ones stay as they are.

    Returns:
        (h, w, C) of the same type; bands beyond four become their mean, (h, w, 1) float32.
    """
    if pixels.shape[2] > _MOST_CHANNELS:
        pixels = pixels.mean(axis=2, dtype=np.float32, keepdims=True)
    height, width, channels = pixels.shape
    if max(height, width) <= longest:
        return pixels
    factor = longest / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    return small.reshape(size[1], size[0], channels)


def own_white(pixels: np.ndarray) -> float:
    """A value to compare a picture's levels with: 255 in 8 bits, else the picture's own largest value (1 if black).

    For measures that do not depend on exposure. What a stored value means is another question
    (``nirgan.data.convert.full_scale_of``), which one picture cannot answer.
    """
    if pixels.dtype == np.uint8:
        return 255.0
    largest = float(pixels.max())
    return largest if largest > 0 else 1.0
