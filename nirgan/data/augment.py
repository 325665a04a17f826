"""Random changes to training crops: shared geometry, photometry for the source alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import albumentations as A
import cv2
import numpy as np

from nirgan.config.schema import Augmentation

Array = np.ndarray[Any, Any]


class Augment:
    """Augmentation of float32 pictures (H, W, C) in [0, 1], fixed by the random generator that each call is given.

    albumentations repeats its randomness in every worker and epoch, and ``Compose.set_random_seed`` gives every
    transform in it the same seed, so that flip and rotation would always come together: here each transform is
    seeded apart, before each call.
    """

    def __init__(self, settings: Augmentation) -> None:
        self.scale = settings.scale
        self._geometry: list[Any] = []
        if settings.flip:
            self._geometry.append(A.HorizontalFlip(p=settings.flip))
        if settings.rotate90:
            self._geometry.append(A.RandomRotate90(p=1.0))
        self._photometry: list[Any] = []
        if settings.brightness:
            factors = (1 - settings.brightness, 1 + settings.brightness)
            self._photometry.append(A.MultiplicativeNoise(factors, per_channel=False, elementwise=False, p=1.0))
        if settings.gamma:
            percent = (100 * (1 - settings.gamma), 100 * (1 + settings.gamma))
            self._photometry.append(A.RandomGamma(percent, p=1.0))
        if settings.noise:
            self._photometry.append(A.GaussNoise((settings.noise, settings.noise), per_channel=True, p=1.0))

    def side(self, crop: int, largest: int, random: np.random.Generator) -> int:
        """Side of the square to cut for a crop: the crop's own, or drawn around it, at most ``largest``."""
        if not self.scale:
            return crop
        return min(largest, max(1, round(crop * random.uniform(1 - self.scale, 1 + self.scale))))

    def geometry(self, picture: Array, random: np.random.Generator) -> Array:
        """Flip and rotate; two pictures with generators in one state are changed alike."""
        return _apply(self._geometry, random, picture)

    def photometry(self, source: Array, random: np.random.Generator) -> Array:
        """Change exposure, gamma and noise of a source; values stay in [0, 1]."""
        return _apply(self._photometry, random, source)


def resize(picture: Array, side: int) -> Array:
    """Resize a square (H, W, C) picture: area averages when it shrinks, linear interpolation when it grows."""
    if picture.shape[0] == side:
        return picture
    method = cv2.INTER_AREA if picture.shape[0] > side else cv2.INTER_LINEAR
    # OpenCV's area averages take four channels at most.
    groups = [
        cv2.resize(picture[..., first : first + 4], (side, side), interpolation=method).reshape(side, side, -1)
        for first in range(0, picture.shape[2], 4)
    ]
    return np.concatenate(groups, axis=2)


def _apply(transforms: Sequence[Any], random: np.random.Generator, picture: Array) -> Array:
    for transform in transforms:
        transform.set_random_seed(int(random.integers(2**32)))
        picture = transform(image=picture)["image"]
    return picture
