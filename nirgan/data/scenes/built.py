"""Roads, houses, cars, people and what else is made by hand."""

from __future__ import annotations

import numpy as np

from nirgan.data.scenes import materials
from nirgan.data.scenes.canvas import Canvas, Shader
from nirgan.data.scenes.dice import Dice
from nirgan.data.scenes.light import Light
from nirgan.data.scenes.nature import cast_shadow
from nirgan.data.scenes.texture import noise


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """Corners (4, 2)."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])


def ellipse(x: float, y: float, half_width: float, half_height: float) -> np.ndarray:
    """Outline (24, 2)."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    return np.stack([x + half_width * np.cos(angle), y + half_height * np.sin(angle)], axis=1)


def road(canvas: Canvas, light: Light, dice: Dice, horizon: float, material: np.ndarray, width: float) -> None:
    """A road or path that winds from the foreground to the horizon; asphalt has a broken white line."""
    near_x, far_x = dice.uniform(0.1, 0.9) * canvas.aspect, dice.uniform(0.25, 0.75) * canvas.aspect
    bend, at = dice.uniform(-0.25, 0.25), dice.uniform()
    depth = np.geomspace(0.006, 1.4 - horizon, 50)
    share = depth / depth[-1]
    middle = far_x + (near_x - far_x) * share + bend * np.sin(np.pi * np.sqrt(share))
    y = horizon + depth
    left, right = middle - width * depth, middle + width * depth
    outline = np.concatenate([np.stack([left, y], 1), np.stack([right, y], 1)[::-1]])

    def surface(px: np.ndarray, py: np.ndarray) -> np.ndarray:
        rough = noise(at + px * 1.5, at + py * 3.0, roughness=0.8)
        return light.on(material, np.clip(0.78 + 0.06 * rough, 0.2, 1.1))

    canvas.polygon(outline, surface)
    if material[0] > 0.15:  # only asphalt is painted
        return
    for start in range(4, 46, 4):
        ends = slice(start, start + 3)
        half = 0.03 * width * depth[ends]
        line = np.concatenate(
            [np.stack([middle[ends] - half, y[ends]], 1), np.stack([middle[ends] + half, y[ends]], 1)[::-1]]
        )
        canvas.polygon(line, light.on(materials.WHITE_PAINT, 0.7))


def house(
    canvas: Canvas, light: Light, dice: Dice, x: float, y: float, width: float, height: float, *, flat: bool = False
) -> None:
    """A house whose front stands on (x, y): two walls, a roof (``flat`` for town blocks), windows and a door."""
    wall = materials.varied(dice.pick((*materials.PLASTER, materials.BRICK, materials.CONCRETE)), dice, 0.1)
    roof = materials.varied(dice.pick((materials.ROOF_TILE, materials.ROOF_TILE, materials.SLATE)), dice)
    side = width * dice.uniform(0.25, 0.45) * (1 if dice.chance(0.5) else -1)
    shift, at = 0.05 * height, dice.uniform()
    front_light = 0.55 + 0.25 * light.side * (-1 if side > 0 else 1)
    side_light = 0.45 + 0.45 * light.side * (1 if side > 0 else -1)
    left, right, top = x - width / 2, x + width / 2, y - height
    edge = right if side > 0 else left
    cast_shadow(canvas, light, x, y, width * 1.3, height)

    def plaster(facing: float) -> Shader:
        def shade(px: np.ndarray, py: np.ndarray) -> np.ndarray:
            stains = noise(at + px * 0.8, at + py * 0.5, roughness=0.8)
            return light.on(wall, np.clip(facing + 0.035 * stains, 0.03, 1.1))

        return shade

    canvas.polygon(
        np.array([(edge, top), (edge + side, top + shift), (edge + side, y - shift), (edge, y)]),
        plaster(max(side_light, 0.08)),
    )
    canvas.polygon(rectangle(left, top, right, y), plaster(max(front_light, 0.15)))
    floors = max(1, round(height / (0.75 * width))) if not flat else max(2, round(height / (0.28 * width)))
    _windows(canvas, light, dice, (left, top, right, y), floors)
    if flat:
        canvas.polygon(rectangle(left - 0.01, top - 0.012, right + 0.01, top), light.on(materials.CONCRETE, 0.9))
        return
    _roof(canvas, light, roof, (left, right, top), side, shift, 0.5 * height)


def _roof(
    canvas: Canvas,
    light: Light,
    material: np.ndarray,
    front: tuple[float, float, float],
    side: float,
    shift: float,
    rise: float,
) -> None:
    left, right, top = front
    over = 0.04 * (right - left)
    edge = right + over if side > 0 else left - over
    ridge_left, ridge_right = left + 0.5 * side, right + 0.5 * side

    def tiles(facing: float) -> Shader:
        def shade(px: np.ndarray, py: np.ndarray) -> np.ndarray:
            courses = np.sin(py / rise * 60) * min(1.0, rise / canvas.pixel / 60)
            rough = noise(px * 1.1, py * 1.1, roughness=0.8)
            return light.on(material, np.clip(facing + 0.06 * courses + 0.06 * rough, 0.05, 1.2))

        return shade

    gable = np.array([(edge, top), (edge + side, top + shift), ((ridge_right if side > 0 else ridge_left), top - rise)])
    canvas.polygon(gable, tiles(0.45 + 0.4 * light.side * np.sign(side)))
    slope = np.array([(left - over, top), (ridge_left, top - rise), (ridge_right, top - rise), (right + over, top)])
    canvas.polygon(slope, tiles(0.55 + 0.35 * light.height))


def _windows(canvas: Canvas, light: Light, dice: Dice, wall: tuple[float, float, float, float], floors: int) -> None:
    left, top, right, bottom = wall
    columns = dice.integer(2, 4)
    shutters = materials.dyed_cloth(dice) if dice.chance(0.4) else None
    door_at = dice.integer(0, columns - 1)
    door = materials.varied(materials.WOOD, dice, 0.3)
    cell_w, cell_h = (right - left) / columns, (bottom - top) / floors
    mirrored = 0.35 * light.haze * dice.uniform(0.4, 1.2)
    for floor in range(floors):
        for column in range(columns):
            x, y = left + (column + 0.5) * cell_w, top + (floor + 0.5) * cell_h
            w, h = 0.22 * cell_w, 0.28 * cell_h
            if floor == floors - 1 and column == door_at:
                canvas.polygon(rectangle(x - w, y - 0.15 * cell_h, x + w, bottom), light.on(door, 0.5))
                continue
            canvas.polygon(
                rectangle(x - 1.2 * w, y - 1.15 * h, x + 1.2 * w, y + 1.15 * h), light.on(materials.WHITE_PAINT, 0.5)
            )
            canvas.polygon(rectangle(x - w, y - h, x + w, y + h), light.on(materials.GLASS, 0.4) + mirrored)
            if shutters is not None:
                for outer in (-1.75 * w, 1.25 * w):
                    canvas.polygon(rectangle(x + outer, y - h, x + outer + 0.5 * w, y + h), light.on(shutters, 0.5))


def car(canvas: Canvas, light: Light, dice: Dice, x: float, y: float, length: float) -> None:
    """A car seen from its side, standing at (x, y)."""
    paint = materials.car_paint(dice)
    way = 1 if dice.chance(0.5) else -1
    cast_shadow(canvas, light, x, y, length, 0.4 * length)
    h = 0.32 * length

    def at(*points: tuple[float, float]) -> np.ndarray:
        return np.array([(x + way * px * length, y - py * h) for px, py in points])

    body = at((-0.5, 0.15), (-0.5, 0.55), (-0.3, 0.62), (0.25, 0.62), (0.47, 0.5), (0.5, 0.15))
    cabin = at((-0.38, 0.6), (-0.27, 1.0), (0.08, 1.0), (0.26, 0.6))
    canvas.polygon(cabin, light.on(paint, 0.85))
    canvas.polygon(
        at((-0.33, 0.62), (-0.24, 0.94), (-0.10, 0.94), (-0.10, 0.62)), light.on(materials.GLASS) + 0.12 * light.haze
    )
    canvas.polygon(
        at((-0.07, 0.62), (-0.07, 0.94), (0.06, 0.94), (0.20, 0.62)), light.on(materials.GLASS) + 0.12 * light.haze
    )
    canvas.polygon(body, lambda px, py: light.on(paint, np.clip(0.9 - 1.1 * (py - y + 0.62 * h) / h, 0.25, 1.1)))
    for wheel in (-0.3, 0.3):
        centre = x + way * wheel * length
        canvas.polygon(ellipse(centre, y - 0.15 * h, 0.085 * length, 0.085 * length), light.on(materials.RUBBER))
        canvas.polygon(ellipse(centre, y - 0.15 * h, 0.04 * length, 0.04 * length), light.on(materials.CONCRETE, 0.6))


def person(canvas: Canvas, light: Light, dice: Dice, x: float, y: float, height: float) -> None:
    """Somebody in coloured clothes, standing at (x, y)."""
    shirt, trousers = materials.dyed_cloth(dice), materials.dyed_cloth(dice)
    hair = materials.varied(dice.pick((materials.BARK, materials.RUBBER, materials.WHEAT)), dice)
    cast_shadow(canvas, light, x, y, 0.3 * height, 0.8 * height)
    w = 0.12 * height
    for leg in (-1, 1):
        outer, inner, hip = x + leg * 0.95 * w, x + leg * 0.15 * w, y - 0.5 * height
        canvas.polygon(
            np.array([(outer, y), (outer, hip), (x, hip), (inner, y)]), light.on(trousers, 0.5 + 0.1 * leg * light.side)
        )
    canvas.polygon(
        np.array(
            [
                (x - w, y - 0.46 * height),
                (x - 1.3 * w, y - 0.8 * height),
                (x + 1.3 * w, y - 0.8 * height),
                (x + w, y - 0.46 * height),
            ]
        ),
        lambda px, py: light.on(shirt, np.clip(0.6 + 0.35 * light.side * (px - x) / w, 0.2, 1)),
    )
    canvas.polygon(ellipse(x, y - 0.91 * height, 0.6 * w, 0.085 * height), light.on(hair, 0.7))
    canvas.polygon(ellipse(x, y - 0.885 * height, 0.5 * w, 0.065 * height), light.on(materials.SKIN, 0.6))


def umbrella(canvas: Canvas, light: Light, dice: Dice, x: float, y: float, height: float) -> None:
    """A parasol in two colours of dyed cloth, standing at (x, y)."""
    first = materials.dyed_cloth(dice)
    second = materials.WHITE_PAINT if dice.chance(0.5) else materials.dyed_cloth(dice)
    half = 0.55 * height
    cast_shadow(canvas, light, x, y, 2 * half, 0.6 * height)
    canvas.polygon(
        rectangle(x - 0.012 * height, y - 0.8 * height, x + 0.012 * height, y), light.on(materials.WOOD, 0.5)
    )
    rim, gores = y - 0.66 * height, 6
    angle = np.linspace(-np.pi / 2, np.pi / 2, gores + 1)
    for number in range(gores):
        edge = np.linspace(angle[number], angle[number + 1], 4)
        rim_points = np.stack([x + half * np.sin(edge), rim + 0.10 * half * np.cos(edge)], axis=1)
        facing = 0.65 + 0.35 * light.side * float(np.sin(edge.mean()))
        cloth = first if number % 2 == 0 else second
        canvas.polygon(np.concatenate([[(x, y - height)], rim_points]), light.on(cloth, facing))


def boat(canvas: Canvas, light: Light, dice: Dice, x: float, y: float, size: float) -> None:
    """A sailing boat with a painted hull, floating at (x, y)."""
    hull, sail = materials.car_paint(dice), materials.dyed_cloth(dice) if dice.chance(0.6) else materials.WHITE_PAINT
    canvas.polygon(ellipse(x, y + 0.04 * size, 0.5 * size, 0.04 * size), light.on(materials.WATER, 0.3))
    canvas.polygon(
        np.array(
            [
                (x - 0.5 * size, y - 0.12 * size),
                (x + 0.55 * size, y - 0.14 * size),
                (x + 0.4 * size, y),
                (x - 0.4 * size, y),
            ]
        ),
        light.on(hull, 0.7),
    )
    canvas.polygon(
        rectangle(x - 0.012 * size, y - 1.15 * size, x + 0.012 * size, y - 0.1 * size), light.on(materials.WOOD)
    )
    canvas.polygon(
        np.array(
            [(x + 0.03 * size, y - 1.1 * size), (x + 0.5 * size, y - 0.2 * size), (x + 0.03 * size, y - 0.2 * size)]
        ),
        light.on(sail, 0.85),
    )
    canvas.polygon(
        np.array(
            [(x - 0.03 * size, y - 0.95 * size), (x - 0.38 * size, y - 0.2 * size), (x - 0.03 * size, y - 0.2 * size)]
        ),
        light.on(sail, 0.6),
    )


def fence(canvas: Canvas, light: Light, dice: Dice, y: float, height: float) -> None:
    """A fence of posts and two rails across the picture."""
    material = materials.varied(dice.pick((materials.WOOD, materials.WHITE_PAINT)), dice)
    tilt, step = dice.uniform(-0.04, 0.04), 0.9 * height
    left, right = -0.4, canvas.aspect + 0.4
    for share in (0.45, 0.8):
        up, thick = share * height, 0.06 * height
        canvas.polygon(
            np.array([(left, y - up), (right, y - up + tilt), (right, y - up + tilt + thick), (left, y - up + thick)]),
            light.on(material, 0.7),
        )
    for x in np.arange(left, right, step):
        base = y + tilt * (x - left) / (right - left)
        canvas.polygon(rectangle(x, base - height, x + 0.09 * height, base), light.on(material, 0.6))
