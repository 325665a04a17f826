"""Random changes to training crops: shared geometry, visible light that leaks into a source, photometry for it alone.

The photometry is what a camera does to a picture, in the order of light's way: defocus, vignetting, exposure, contrast,
gamma, and then the sensor's noise. All of it is off unless asked for, acts on sources of any number of channels and
keeps [0, 1]; the target, the truth, is never changed. In ``gray2rgb`` the source is a computed lightness: it is changed
after it was computed, as the exposure, falloff and grain of an old photograph change it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np

from nirgan.config.schema import Augmentation

Array = np.ndarray[Any, Any]
Step = Callable[[Array, np.random.Generator], Array]
_LEAST_BLUR = 1e-3  # pixels: nothing is seen of it, and a width of nought would divide by it


class Augment:
    """Augmentation of float32 pictures (H, W, C) in [0, 1], fixed by the random generator that each call is given."""

    def __init__(self, settings: Augmentation) -> None:
        self.scale = settings.scale
        self.visible = settings.visible
        self._geometry = _geometry(settings)
        self._photometry = _photometry(settings)

    def side(self, crop: int, largest: int, random: np.random.Generator) -> int:
        """Side of the square to cut for a crop: the crop's own, or drawn around it, at most ``largest``."""
        if not self.scale:
            return crop
        return min(largest, max(1, round(crop * random.uniform(1 - self.scale, 1 + self.scale))))

    def geometry(self, picture: Array, random: np.random.Generator) -> Array:
        """Flip and rotate, as a view; two pictures with generators in one state are changed alike."""
        return _apply(self._geometry, random, picture)

    def leak(self, source: Array, target: Array, random: np.random.Generator) -> Array:
        """Mix grey of the target (H, W, 3) that lies under a source into it, as far as its filter is not tight.

        The share is drawn from 0 to ``visible``, and of the weights of red, green and blue, which sum to 1, any are as
        likely as any others.
        """
        if not self.visible:
            return source
        share = random.uniform(0, self.visible)
        grey = target @ random.dirichlet(np.ones(3)).astype(np.float32)
        return _bounded(source + np.float32(share) * (grey[..., None] - source))

    def photometry(self, source: Array, random: np.random.Generator) -> Array:
        """Change a source as cameras differ; values stay in [0, 1]."""
        return _apply(self._photometry, random, np.ascontiguousarray(source))  # OpenCV takes no views


def geometry_alone(settings: Augmentation) -> Augmentation:
    """The same crops, with their sources as they are in the files."""
    return Augmentation(flip=settings.flip, rotate90=settings.rotate90, scale=settings.scale)


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


def _geometry(settings: Augmentation) -> list[Step]:
    steps: list[Step] = []
    if settings.flip:
        steps.append(partial(_flip, probability=settings.flip))
    if settings.rotate90:
        steps.append(_rotate90)
    return steps


def _photometry(settings: Augmentation) -> list[Step]:
    if settings == geometry_alone(settings):
        return []
    import albumentations as A  # here: it takes a second, and most trainings ask for none of it

    steps: list[Step] = []
    if settings.blur:
        steps.append(_seeded(A.GaussianBlur(sigma_limit=(min(_LEAST_BLUR, settings.blur), settings.blur), p=1.0)))
    if settings.vignetting:
        steps.append(partial(_vignetting, largest=settings.vignetting))
    if settings.brightness:
        factors = (1 - settings.brightness, 1 + settings.brightness)
        steps.append(_seeded(A.MultiplicativeNoise(factors, per_channel=False, elementwise=False, p=1.0)))
    if settings.contrast:
        steps.append(partial(_contrast, largest=settings.contrast))
    if settings.gamma:
        percent = (100 * (1 - settings.gamma), 100 * (1 + settings.gamma))
        steps.append(_seeded(A.RandomGamma(percent, p=1.0)))
    if settings.shot_noise:
        steps.append(partial(_shot_noise, largest=settings.shot_noise))
    if settings.row_noise:
        steps.append(partial(_row_noise, largest=settings.row_noise))
    if settings.noise:
        steps.append(_seeded(A.GaussNoise((settings.noise, settings.noise), per_channel=True, p=1.0)))
    return steps


def _apply(steps: Sequence[Step], random: np.random.Generator, picture: Array) -> Array:
    for step in steps:
        picture = step(picture, random)
    return picture


def _seeded(transform: Any) -> Step:
    return partial(_by_albumentations, transform=transform)


def _by_albumentations(picture: Array, random: np.random.Generator, *, transform: Any) -> Array:
    # albumentations repeats its randomness in every worker and epoch, and `Compose.set_random_seed` gives every
    # transform in it the same seed, so that strong blur would always come with strong noise: each is seeded apart.
    transform.set_random_seed(int(random.integers(2**32)))
    return transform(image=picture)["image"]


def _flip(picture: Array, random: np.random.Generator, *, probability: float) -> Array:
    return picture[:, ::-1] if random.random() < probability else picture


def _rotate90(picture: Array, random: np.random.Generator) -> Array:
    return np.rot90(picture, int(random.integers(4)))


def _vignetting(picture: Array, random: np.random.Generator, *, largest: float) -> Array:
    """Falloff by the fourth power of a cosine, around a centre somewhere in the crop.

    With u the distance from the centre over that of the farthest corner, cos⁴ θ = (1 + tan² θ)⁻² where tan θ is
    proportional to u; the farthest corner loses a share drawn from 0 to ``largest``.
    """
    height, width = picture.shape[:2]
    loss, down, right = random.uniform(0, largest), random.random(), random.random()
    y = np.arange(height, dtype=np.float32)[:, None] - down * (height - 1)
    x = np.arange(width, dtype=np.float32)[None, :] - right * (width - 1)
    squared = y**2 + x**2
    squared /= max(float(squared.max()), 1.0)  # 1: a picture of one pixel
    falloff = (1 + ((1 - loss) ** -0.5 - 1) * squared) ** -2
    return _bounded(picture * falloff[..., None])


def _contrast(picture: Array, random: np.random.Generator, *, largest: float) -> Array:
    """Stretch around the crop's mean; albumentations' own for any number of channels stretches around black."""
    mean = float(picture.mean())
    return _bounded(mean + random.uniform(1 - largest, 1 + largest) * (picture - mean))


def _shot_noise(picture: Array, random: np.random.Generator, *, largest: float) -> Array:
    """Normal noise of the variance a · value, a drawn from 0 to ``largest``.

    The signal-dependent part of Foi, Trimeche, Katkovnik and Egiazarian, "Practical Poissonian-Gaussian noise modeling
    and fitting for single-image raw-data", IEEE TIP 2008; their constant part is ``noise``. albumentations' ShotNoise
    takes values for sRGB and undoes a gamma of 2.2, which a sensor's numbers do not have.
    """
    deviation = np.sqrt(random.uniform(0, largest) * picture)
    return _bounded(picture + deviation * random.standard_normal(picture.shape, dtype=np.float32))


def _row_noise(picture: Array, random: np.random.Generator, *, largest: float) -> Array:
    """Add an offset to each row of each channel, as read-out electronics do; deviation from 0 to ``largest``."""
    rows = random.standard_normal((picture.shape[0], 1, picture.shape[2]), dtype=np.float32)
    return _bounded(picture + random.uniform(0, largest) * rows)


def _bounded(picture: Array) -> Array:
    return np.clip(picture, 0, 1).astype(np.float32, copy=False)
