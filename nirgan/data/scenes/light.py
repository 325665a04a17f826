"""Sun and sky of a scene, and the distance that veils it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nirgan.data.scenes.dice import Dice


def _bands(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@dataclass(frozen=True)
class Light:
    """Illumination in red, green, blue and near-infrared.

    Attributes:
        side: Where the sun stands, -1 (left) to 1 (right).
        height: Its height, 0.3 (long shadows) to 1.
        sun: (4,) what a surface that faces the sun receives from it.
        sky: (4,) what every surface receives from the sky: bluish, and little of it in near-infrared.
        haze: (4,) what the air adds over a long distance.
        clouds: Share of the sky that they cover, 0 to 1.
    """

    side: float
    height: float
    sun: np.ndarray
    sky: np.ndarray
    haze: np.ndarray
    clouds: float

    @classmethod
    def drawn(cls, dice: Dice) -> Light:
        """Sunshine in four scenes of five, an overcast day in the fifth; warm light when the sun is low."""
        side, height, clouds = dice.uniform(-1, 1), dice.uniform(0.35, 1), dice.uniform(0.1, 0.6)
        overcast = dice.chance(0.2)
        if overcast:
            sun, sky = _bands(0.22, 0.22, 0.21, 0.22), _bands(0.62, 0.64, 0.67, 0.60)
            return cls(side, height, sun, sky, _bands(0.60, 0.63, 0.68, 0.50), 0.95)
        warm = 1 - height
        sun = _bands(1.02, 0.98 - 0.08 * warm, 0.92 - 0.28 * warm, 1.02)
        return cls(side, height, sun, _bands(0.15, 0.19, 0.27, 0.07), _bands(0.60, 0.70, 0.84, 0.26), clouds)

    def on(self, material: np.ndarray, facing: float | np.ndarray = 0.8) -> np.ndarray:
        """Radiance (…, 4) of a material (…, 4) that faces the sun by a cosine (…)."""
        cosine = np.asarray(facing, dtype=np.float32)[..., None]
        return material * (self.sun * cosine + self.sky)

    @property
    def shadow(self) -> np.ndarray:
        """(4,) what is left of the light on flat ground where the sun does not reach."""
        return self.sky / (self.sun * 0.8 + self.sky)


def veiled(radiance: np.ndarray, light: Light, distance: float | np.ndarray) -> np.ndarray:
    """Radiance (…, 4) seen through ``distance`` (…) of air: 0 is near, 1 hides two thirds; NIR passes better."""
    depth = np.asarray(distance, dtype=np.float32)[..., None] * _bands(0.9, 1.0, 1.2, 0.45)
    passing = np.exp(-0.8 * depth)
    return radiance * passing + light.haze * (1 - passing)
