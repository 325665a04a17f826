"""What things are made of: reflectance in red, green, blue and near-infrared (about 850 nm).

The values are round figures after spectral libraries (vegetation: chlorophyll absorbs red and blue, leaf tissue
scatters the near-infrared; clear water absorbs it; most dyes are transparent to it, so that cloth of any colour is
bright; carbon black is not). They are linear reflectances from 0 to 1.
"""

from __future__ import annotations

import colorsys

import numpy as np

from nirgan.data.scenes.dice import Dice

NEAR_INFRARED = "850nm"
"""The fourth band, as ``nirgan.data.bands`` writes bands."""
Bands = np.ndarray
"""(4,) float32: red, green, blue, near-infrared."""


def _bands(*values: float) -> Bands:
    return np.array(values, dtype=np.float32)


GRASS = _bands(0.105, 0.185, 0.045, 0.56)
DRY_GRASS = _bands(0.33, 0.27, 0.13, 0.47)
WHEAT = _bands(0.46, 0.36, 0.15, 0.55)
RAPE = _bands(0.60, 0.52, 0.05, 0.62)
LEAF = _bands(0.060, 0.125, 0.030, 0.55)
LIGHT_LEAF = _bands(0.12, 0.21, 0.045, 0.64)
AUTUMN_LEAF = _bands(0.42, 0.19, 0.04, 0.60)
CONIFER = _bands(0.032, 0.068, 0.028, 0.35)
BARK = _bands(0.15, 0.115, 0.09, 0.30)
SOIL = _bands(0.23, 0.155, 0.10, 0.30)
LITTER = _bands(0.15, 0.105, 0.06, 0.30)
SAND = _bands(0.47, 0.39, 0.27, 0.55)
ROCK = _bands(0.27, 0.255, 0.24, 0.34)
SNOW = _bands(0.88, 0.90, 0.93, 0.80)
WATER = _bands(0.018, 0.042, 0.052, 0.006)
ASPHALT = _bands(0.095, 0.095, 0.10, 0.12)
GRAVEL = _bands(0.36, 0.33, 0.29, 0.40)
PAVING = _bands(0.40, 0.375, 0.34, 0.44)
BRICK = _bands(0.36, 0.15, 0.095, 0.42)
CONCRETE = _bands(0.40, 0.39, 0.365, 0.44)
PLASTER = (
    _bands(0.76, 0.74, 0.69, 0.78),
    _bands(0.68, 0.54, 0.29, 0.72),
    _bands(0.66, 0.44, 0.34, 0.70),
    _bands(0.46, 0.55, 0.58, 0.62),
    _bands(0.62, 0.58, 0.48, 0.68),
)
ROOF_TILE = _bands(0.40, 0.14, 0.07, 0.42)
SLATE = _bands(0.13, 0.14, 0.16, 0.18)
WOOD = _bands(0.30, 0.19, 0.11, 0.52)
WHITE_PAINT = _bands(0.82, 0.82, 0.80, 0.80)
GLASS = _bands(0.045, 0.06, 0.075, 0.05)
RUBBER = _bands(0.03, 0.03, 0.032, 0.035)
SKIN = _bands(0.52, 0.34, 0.25, 0.60)


def dyed_cloth(dice: Dice) -> Bands:
    """Cloth in any strong colour, which near-infrared hardly shows."""
    red, green, blue = _colour(dice, saturation=(0.65, 0.95), value=(0.25, 0.75))
    return _bands(red, green, blue, dice.uniform(0.62, 0.74))


def car_paint(dice: Dice) -> Bands:
    """Paint: white, silver and black are alike in all bands, colours are not."""
    if dice.chance(0.45):
        level = dice.pick((0.04, 0.30, 0.75))
        return _bands(level, level, level * 1.03, level * 0.95)
    red, green, blue = _colour(dice, saturation=(0.7, 0.95), value=(0.2, 0.6))
    return _bands(red, green, blue, dice.uniform(0.35, 0.6))


def varied(material: Bands, dice: Dice, amount: float = 0.15) -> Bands:
    """The material as this scene has it: a little brighter or darker, and a little off in each band."""
    common = dice.uniform(1 - amount, 1 + amount)
    each = dice.several(4, 1 - amount / 3, 1 + amount / 3)
    return np.clip(material * common * each, 0, 0.95).astype(np.float32)


def _colour(dice: Dice, saturation: tuple[float, float], value: tuple[float, float]) -> tuple[float, float, float]:
    return colorsys.hsv_to_rgb(dice.uniform(), dice.uniform(*saturation), dice.uniform(*value))
