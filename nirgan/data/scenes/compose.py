"""Which things make up a scene of each category, and where they stand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nirgan.data.scenes import built, materials, nature
from nirgan.data.scenes.canvas import Canvas
from nirgan.data.scenes.dice import Dice
from nirgan.data.scenes.light import Light

_Paint = Callable[[], None]


class _Stage:
    """Things on the ground, painted from far to near."""

    def __init__(self, canvas: Canvas, light: Light, dice: Dice, horizon: float) -> None:
        self.canvas, self.light, self.dice, self.horizon = canvas, light, dice, horizon
        # How large a metre is at one scene unit below the horizon: a camera stands one to three metres high.
        self._per_metre = 1 / dice.uniform(1.8, 3.2)
        self._things: list[tuple[float, _Paint]] = []

    def size(self, y: float, metres: float) -> float:
        """Scene units of a length at a place on the ground."""
        return (y - self.horizon) * self._per_metre * metres

    def distance(self, y: float) -> float:
        """How much air lies before a place on the ground, as ``veiled`` takes it."""
        return min(0.35, 0.004 / max(y - self.horizon, 0.01))

    def place(self, near: float, far: float) -> tuple[float, float]:
        """A place on the ground between two distances below the horizon; in perspective, most are far."""
        y = self.horizon + far * (near / far) ** self.dice.uniform()
        return self.dice.uniform(-0.15, self.canvas.aspect + 0.15), y

    def plants(
        self, kind: Callable[..., None], count: int, metres: tuple[float, float], near: float, far: float
    ) -> None:
        """Stand plants of a kind on the ground."""
        for _ in range(count):
            x, y = self.place(near, far)
            size, seed = self.size(y, self.dice.uniform(*metres)), self.dice.integer(0, 2**40)
            self._add(y, kind, Dice(seed), x, y, size, self.distance(y))

    def objects(self, kind: Callable[..., None], count: int, metres: float, near: float, far: float) -> None:
        """Stand made things of a kind on the ground."""
        for _ in range(count):
            x, y = self.place(near, far)
            self._add(y, kind, Dice(self.dice.integer(0, 2**40)), x, y, self.size(y, metres))

    def house(self, x: float, y: float, width: float, height: float, *, flat: bool = False) -> None:
        """Stand a house, its sides in metres, at a place."""
        seed, wide, high = self.dice.integer(0, 2**40), self.size(y, width), self.size(y, height)
        self._things.append((y, lambda: built.house(self.canvas, self.light, Dice(seed), x, y, wide, high, flat=flat)))

    def fence(self, y: float) -> None:
        """Draw a fence across the picture."""
        seed, size = self.dice.integer(0, 2**40), self.size(y, 1.1)
        self._things.append((y, lambda: built.fence(self.canvas, self.light, Dice(seed), y, size)))

    def _add(self, y: float, kind: Callable[..., None], dice: Dice, *arguments: float) -> None:
        self._things.append((y, lambda: kind(self.canvas, self.light, dice, *arguments)))

    def paint(self) -> None:
        """Paint everything, the furthest first."""
        for _, paint in sorted(self._things, key=lambda thing: thing[0]):
            paint()


def country(canvas: Canvas, light: Light, dice: Dice) -> None:
    """Fields, a winding path, a farmhouse, trees, people."""
    horizon = dice.uniform(0.38, 0.5)
    nature.sky(canvas, light, dice, horizon)
    nature.hills(canvas, light, dice, horizon, high=dice.uniform(0.05, 0.14), snow=False)
    nature.ground(canvas, light, dice, horizon, (materials.GRASS, materials.GRASS, materials.DRY_GRASS))
    for _ in range(dice.integer(1, 3)):
        crop = dice.pick((materials.WHEAT, materials.RAPE, materials.SOIL, materials.GRASS))
        nature.field(canvas, light, dice, horizon, materials.varied(crop, dice))
    if dice.chance(0.7):
        built.road(canvas, light, dice, horizon, dice.pick((materials.GRAVEL, materials.SOIL, materials.ASPHALT)), 0.22)
    stage = _Stage(canvas, light, dice, horizon)
    stage.plants(nature.tree, dice.integer(5, 11), (5, 10), 0.2, 0.015)
    stage.plants(nature.bush, dice.integer(3, 7), (0.8, 1.6), 0.4, 0.04)
    for _ in range(dice.integer(0, 2)):
        stage.house(*stage.place(0.12, 0.05), dice.uniform(8, 12), dice.uniform(3.5, 5))
    stage.objects(built.person, dice.integer(0, 3), 1.75, 0.4, 0.1)
    if dice.chance(0.4):
        stage.fence(horizon + dice.uniform(0.2, 0.4))
    stage.paint()


def field(canvas: Canvas, light: Light, dice: Dice) -> None:
    """Open land under a large sky, few trees."""
    horizon = dice.uniform(0.42, 0.58)
    nature.sky(canvas, light, dice, horizon)
    nature.hills(canvas, light, dice, horizon, high=dice.uniform(0.02, 0.08), snow=False)
    kinds = (materials.GRASS, materials.DRY_GRASS, materials.WHEAT, materials.SOIL, materials.RAPE)
    nature.ground(canvas, light, dice, horizon, kinds)
    for _ in range(dice.integer(2, 4)):
        nature.field(canvas, light, dice, horizon, materials.varied(dice.pick(kinds), dice))
    if dice.chance(0.4):
        built.road(canvas, light, dice, horizon, dice.pick((materials.GRAVEL, materials.SOIL)), 0.15)
    stage = _Stage(canvas, light, dice, horizon)
    stage.plants(nature.tree, dice.integer(3, 8), (6, 10), 0.1, 0.012)
    stage.plants(nature.bush, dice.integer(2, 8), (0.5, 1.4), 0.45, 0.03)
    stage.objects(built.person, dice.integer(0, 2), 1.75, 0.4, 0.1)
    stage.paint()


def forest(canvas: Canvas, light: Light, dice: Dice) -> None:
    """Trees behind trees, a floor of litter and grass, perhaps a path."""
    horizon = dice.uniform(0.4, 0.55)
    nature.sky(canvas, light, dice, horizon)
    nature.hills(canvas, light, dice, horizon, high=dice.uniform(0.08, 0.2), snow=False)
    nature.ground(canvas, light, dice, horizon, (materials.LITTER, materials.GRASS, materials.LITTER))
    if dice.chance(0.5):
        built.road(canvas, light, dice, horizon, dice.pick((materials.SOIL, materials.GRAVEL)), 0.15)
    stage = _Stage(canvas, light, dice, horizon)
    needles = dice.uniform()
    stage.plants(nature.conifer, round(34 * needles) + 3, (7, 14), 0.14, 0.015)
    stage.plants(nature.tree, round(22 * (1 - needles)) + 3, (6, 11), 0.14, 0.015)
    stage.plants(nature.bush, dice.integer(3, 9), (0.5, 1.2), 0.4, 0.05)
    stage.objects(built.person, dice.integer(0, 2), 1.75, 0.3, 0.1)
    stage.paint()


def mountain(canvas: Canvas, light: Light, dice: Dice) -> None:
    """High ranges with rock and snow over meadows and conifers."""
    horizon = dice.uniform(0.5, 0.64)
    nature.sky(canvas, light, dice, horizon)
    nature.hills(canvas, light, dice, horizon, high=dice.uniform(0.36, 0.52), snow=True)
    nature.ground(canvas, light, dice, horizon, (materials.GRASS, materials.DRY_GRASS, materials.ROCK))
    if dice.chance(0.35):
        nature.lake(canvas, light, dice, horizon, horizon + 0.03, horizon + dice.uniform(0.1, 0.18))
    stage = _Stage(canvas, light, dice, horizon)
    stage.plants(nature.conifer, dice.integer(10, 22), (6, 12), 0.15, 0.015)
    stage.plants(nature.bush, dice.integer(2, 6), (0.4, 1.0), 0.35, 0.05)
    if dice.chance(0.4):
        stage.house(*stage.place(0.12, 0.05), dice.uniform(6, 9), dice.uniform(3, 4))
    stage.objects(built.person, dice.integer(0, 3), 1.75, 0.3, 0.1)
    stage.paint()


def water(canvas: Canvas, light: Light, dice: Dice) -> None:
    """A lake with boats between two banks."""
    horizon = dice.uniform(0.36, 0.46)
    nature.sky(canvas, light, dice, horizon)
    nature.hills(canvas, light, dice, horizon, high=dice.uniform(0.06, 0.2), snow=dice.chance(0.3))
    nature.ground(canvas, light, dice, horizon, (materials.GRASS, materials.DRY_GRASS, materials.SAND))
    far, near = horizon + 0.035, horizon + dice.uniform(0.3, 0.5)
    bank = _Stage(canvas, light, dice, horizon)
    bank.plants(dice.pick((nature.tree, nature.conifer)), dice.integer(6, 14), (7, 12), 0.033, 0.02)
    bank.paint()
    nature.lake(canvas, light, dice, horizon, far, near)
    stage = _Stage(canvas, light, dice, horizon)
    stage.objects(built.boat, dice.integer(0, 4), 4.0, near - horizon - 0.06, 0.06)
    stage.plants(nature.bush, dice.integer(2, 6), (0.4, 0.9), 0.6, near - horizon + 0.05)
    stage.objects(built.umbrella, dice.integer(0, 2), 2.2, 0.55, near - horizon + 0.05)
    stage.objects(built.person, dice.integer(0, 3), 1.75, 0.55, near - horizon + 0.05)
    stage.paint()


def urban(canvas: Canvas, light: Light, dice: Dice) -> None:
    """A street of houses with cars, people, parasols and a few trees."""
    horizon = dice.uniform(0.46, 0.56)
    nature.sky(canvas, light, dice, horizon)
    nature.hills(canvas, light, dice, horizon, high=dice.uniform(0.02, 0.1), snow=False)
    nature.ground(canvas, light, dice, horizon, (materials.PAVING, materials.ASPHALT, materials.GRAVEL))
    built.road(canvas, light, dice, horizon, materials.varied(materials.ASPHALT, dice), dice.uniform(0.4, 0.7))
    stage = _Stage(canvas, light, dice, horizon)
    flat = dice.chance(0.5)
    x = -0.2
    while x < canvas.aspect + 0.2:
        y = horizon + dice.uniform(0.05, 0.10)
        width = dice.uniform(8, 13)
        stage.house(x, y, width, dice.uniform(6, 13) if flat else dice.uniform(4.5, 8), flat=flat)
        x += stage.size(y, width) * dice.uniform(1.0, 1.6)
    stage.plants(nature.tree, dice.integer(1, 4), (4, 7), 0.2, 0.08)
    stage.objects(built.car, dice.integer(1, 4), 4.2, 0.3, 0.1)
    stage.objects(built.umbrella, dice.integer(0, 3), 2.4, 0.3, 0.12)
    stage.objects(built.person, dice.integer(2, 5), 1.75, 0.4, 0.1)
    stage.paint()


CATEGORIES: dict[str, Callable[[Canvas, Light, Dice], None]] = {
    "country": country,
    "field": field,
    "forest": forest,
    "mountain": mountain,
    "urban": urban,
    "water": water,
}


def paint(category: str, height: int, width: int, camera: np.ndarray, dice: Dice) -> np.ndarray:
    """Linear radiance (H, W, 4) of a scene as a camera sees it; the same dice give the same scene."""
    canvas = Canvas(height, width, camera)
    CATEGORIES[category](canvas, Light.drawn(dice), dice)
    return np.maximum(canvas.pixels, 0)
