"""By how much a pair that should be registered is off, and whether that can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from nirgan.layers.shift import LEAST_PEAK, find_shift
from nirgan.registration.correlate import correlate, find_peak, padded
from nirgan.registration.edges import Array, edges_of, grey_of

_COARSE_SIZE, _FINE_SIZE = 256, 850
"""Roots of numbers of pixels."""
_REACH = 0.25
"""Of the smaller side."""
_LEAST_HEIGHT = 0.06
"""Correlation of edges at the shift, on the larger pictures. Of 179 registered pairs the least was 0.09, of as many
pairs of strangers the largest 0.035, and five of those had a peak on the small ones that stood out enough."""


@dataclass(frozen=True)
class Offset:
    """The shift of a pair.

    Attributes:
        x: To the right, in whole-size pixels of the target: the source at (x + offset) shows what the target shows
            at x.
        y: Down.
        confidence: 0 to 1; below 0.5 it is not to be believed, as on a clear sky.
    """

    x: float
    y: float
    confidence: float

    @property
    def distance(self) -> float:
        """Length in pixels."""
        return math.hypot(self.x, self.y)


def measure_offset(source: Array, target: Array) -> Offset:
    """Measure the shift between two pictures of one scene, without rotation or scale.

    A source of another size is brought to the target's first. A shift is found by correlation on at most 256 × 256
    pixels and made exact to a part of a pixel on at most 850 × 850. The lesser of two answers is the confidence: how
    far the peak stands out on the small pictures, and how well edges agree there on the large ones.

    Args:
        source: (C,H,W) float32 in [0,1].
        target: (3,K,L) float32 in [0,1].
    """
    grey_target = grey_of(target)
    grey_source = _resized(grey_of(source), grey_target.shape)
    coarse, pixel = _at(grey_source, grey_target, _COARSE_SIZE)
    first, second = (torch.from_numpy(grey)[None, None].clamp(0, 1) for grey in coarse)
    shift, peak = find_shift(first, second, reach=int(_REACH * min(first.shape[-2:])))
    x, y = (float(value) * pixel for value in shift[0])
    x, y, height = _exact(grey_source, grey_target, x, y, uncertain=pixel)
    certainty = min(float(peak[0]) / LEAST_PEAK, height / _LEAST_HEIGHT)
    return Offset(x, y, float(np.clip(0.5 * certainty, 0, 1)))


def _exact(source: Array, target: Array, x: float, y: float, uncertain: float) -> tuple[float, float, float]:
    """Search again around a shift, by as much as it is uncertain, on larger pictures; also the correlation there."""
    (fine_source, fine_target), pixel = _at(source, target, _FINE_SIZE)
    reach = math.ceil(1.5 * uncertain / pixel) + 1
    whole = np.array([[1.0, 0.0, round(x / pixel)], [0.0, 1.0, round(y / pixel)]])
    size = (fine_target.shape[1], fine_target.shape[0])
    moved = cv2.warpAffine(edges_of(fine_source), whole, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    peak = find_peak(correlate(padded(moved, reach), edges_of(fine_target)))
    return (float(whole[0, 2]) + peak.x) * pixel, (float(whole[1, 2]) + peak.y) * pixel, peak.height


def _at(source: Array, target: Array, size: float) -> tuple[tuple[Array, Array], float]:
    """Two pictures of one size, reduced, and the side of a reduced pixel in pixels."""
    factor = min(1.0, size / math.sqrt(target.size))
    height, width = (max(16, round(side * factor)) for side in target.shape)
    pixel = math.sqrt(target.size / (height * width))
    return (_resized(source, (height, width)), _resized(target, (height, width))), pixel


def _resized(picture: Array, shape: tuple[int, ...]) -> Array:
    if picture.shape == shape:
        return picture
    smaller = shape[0] * shape[1] < picture.size
    return cv2.resize(picture, shape[1::-1], interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
