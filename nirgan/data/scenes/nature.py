"""Sky, hills, ground, water and plants."""

from __future__ import annotations

import numpy as np

from nirgan.data.scenes import materials
from nirgan.data.scenes.canvas import Canvas, Shader
from nirgan.data.scenes.dice import Dice
from nirgan.data.scenes.light import Light, veiled
from nirgan.data.scenes.texture import noise, ridge

_ZENITH = np.array((0.13, 0.27, 0.60, 0.045), np.float32)
_CLOUD = np.array((0.93, 0.94, 0.96, 0.86), np.float32)
_CLOUD_BASE = np.array((0.58, 0.61, 0.66, 0.50), np.float32)
_BEYOND = 0.6
"""Scene units that things reach beyond the frame, for cameras that stand elsewhere."""


def smooth(value: np.ndarray) -> np.ndarray:
    """Smoothstep of a value cut to [0, 1]."""
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)


def sky(canvas: Canvas, light: Light, dice: Dice, horizon: float) -> None:
    """A sky that is deepest overhead, with clouds that grow flat towards the horizon."""
    at_x, at_y, stretch, cover = dice.uniform(), dice.uniform(), dice.uniform(0.10, 0.22), light.clouds
    region = canvas.box(-_BEYOND, -_BEYOND, canvas.aspect + _BEYOND, horizon + 0.05)
    if region is None:
        return
    x, y = canvas.x[region], canvas.y[region]
    height = np.clip((horizon - y) / max(horizon, 0.2), 0, 1.5)
    colour = light.haze + smooth(height)[..., None] * (_ZENITH - light.haze)
    # Clouds lie on a plane overhead: the lower in the picture, the further and the flatter.
    far = 1 / (height + 0.35)
    thick = noise(at_x + (x - canvas.aspect / 2) * far * stretch, at_y + far * stretch * 1.6, roughness=0.5)
    alpha = smooth((thick + 2.6 * cover - 1.3) / 1.1) * np.clip(height * 5 + 0.25, 0, 1)
    shade = smooth((thick + 2.6 * cover - 1.2) / 3.2)[..., None]
    cloud = _CLOUD + shade * (_CLOUD_BASE - _CLOUD)
    canvas.pixels[region] = colour + alpha[..., None] * (cloud - colour)


def hills(canvas: Canvas, light: Light, dice: Dice, horizon: float, *, high: float, snow: bool) -> None:
    """Two to three ranges of hills, the further the paler; with ``snow``, bare rock and snow above the woods."""
    ranges = dice.integer(2, 3)
    for number in range(ranges):
        near = (number + 1) / ranges
        top = high * (1.15 - 0.75 * near) * dice.uniform(0.8, 1.2)
        x = np.linspace(-_BEYOND, canvas.aspect + _BEYOND, 160)
        skyline = horizon - top * (
            0.55 + 0.45 * ridge(x * dice.uniform(1.0, 1.8) + 3, dice, roughness=0.52 if snow else 0.38)
        )
        skyline = np.minimum(skyline, horizon + 0.01)
        wood = materials.varied(dice.pick((materials.LEAF, materials.CONIFER, materials.GRASS)), dice)
        offset, tree_line = dice.uniform(), horizon - high * dice.uniform(0.35, 0.5)
        outline = np.concatenate([np.stack([x, skyline], 1), [(x[-1], horizon + 0.03), (x[0], horizon + 0.03)]])
        canvas.polygon(outline, _slope(light, wood, offset, 0.95 - 0.75 * near, tree_line if snow else None))


def _slope(light: Light, wood: np.ndarray, offset: float, distance: float, tree_line: float | None) -> Shader:
    def shade(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        rough = noise(x * 0.9 + offset, y * 0.9 + offset, roughness=0.8)
        relief = noise(x * 0.35 + y * 0.15 * light.side, y * 0.3 + offset, roughness=0.5)
        material = np.broadcast_to(wood, (*x.shape, 4))
        if tree_line is not None:
            bare = smooth((tree_line - y) / 0.03 + 0.5 * rough)[..., None]
            white = smooth((tree_line - 0.035 - y) / 0.08 + 0.9 * relief)[..., None]
            material = material + bare * (materials.ROCK - material)
            material = material + bare * white * (materials.SNOW - material)
        facing = np.clip(0.6 + 0.22 * relief + 0.10 * rough, 0.05, 1.1)
        return veiled(light.on(material, facing), light, distance)

    return shade


def ground(canvas: Canvas, light: Light, dice: Dice, horizon: float, kinds: tuple[np.ndarray, ...]) -> None:
    """A plain in perspective: a material with patches of a second one, and fields of others towards the horizon."""
    first, second = (materials.varied(dice.pick(kinds), dice) for _ in range(2))
    at_x, at_y, patchy = dice.uniform(), dice.uniform(), dice.uniform(-0.5, 1.2)
    region = canvas.box(-_BEYOND, horizon - 0.002, canvas.aspect + _BEYOND, 1 + _BEYOND)
    if region is None:
        return
    x, y = canvas.x[region], canvas.y[region]
    depth = np.maximum(y - horizon, 0.004)
    # The plane's own coordinates: one unit is the camera's height.
    across, away = (x - canvas.aspect / 2) / depth, 1 / depth
    patches = smooth(noise(at_x + across * 0.04, at_y + away * 0.04, roughness=0.5) + 0.5 - patchy)[..., None]
    material = first + patches * (second - first)
    # Detail finer than a pixel is left out: it would flicker from row to row.
    seen = np.clip(depth * 3.5, 0, 1)
    grain = noise(at_y + across * 0.11, at_x + away * 0.11, roughness=0.8) * seen
    tufts = noise(at_x + x * 1.3, at_y + y * 2.1, roughness=0.8)
    facing = np.clip(0.78 + 0.13 * grain + 0.09 * tufts, 0.1, 1.3)
    distance = np.clip(0.012 / depth - 0.03, 0, 0.5)
    canvas.pixels[region] = np.where(
        (y >= horizon)[..., None], veiled(light.on(material, facing), light, distance), canvas.pixels[region]
    )


def field(canvas: Canvas, light: Light, dice: Dice, horizon: float, material: np.ndarray) -> None:
    """A strip of tilled land with rows that run to a point on the horizon."""
    near, far = horizon + dice.uniform(0.10, 0.30), horizon + dice.uniform(0.015, 0.05)
    left, right = sorted((dice.uniform(-0.8, 1.6), dice.uniform(-0.8, 1.6)))
    vanish, rows, depth_of_rows = dice.uniform(0, canvas.aspect), dice.uniform(8, 16), dice.uniform(0.0, 0.25)
    at = dice.uniform()
    corners = np.array(
        [(left - 0.25, near), (left, far), (right + 0.1, far), (right + 0.4, near + dice.uniform(-0.03, 0.03))]
    )

    def tilled(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        depth = np.maximum(y - horizon, 0.004)
        across = (x - vanish) / depth
        furrow = np.sin(across * rows * 2) * np.clip(depth * 9 - 0.3, 0, 1)
        rough = noise(at + x * 0.9, at + y * 2.5, roughness=0.8)
        return veiled(light.on(material, np.clip(0.78 + depth_of_rows * furrow + 0.08 * rough, 0.1, 1.2)), light, 0.06)

    canvas.polygon(corners, tilled)


def lake(canvas: Canvas, light: Light, dice: Dice, horizon: float, far: float, near: float) -> None:
    """Water between two distances below the horizon: it mirrors the sky and the dark far bank, in ripples."""
    x = np.linspace(-_BEYOND, canvas.aspect + _BEYOND, 60)
    shore = near + 0.035 * ridge(x * 1.3, dice, octaves=4)
    bank = far + 0.006 * ridge(x * 2, dice, octaves=3)
    outline = np.concatenate([np.stack([x, bank], 1), np.stack([x, shore], 1)[::-1]])
    at, choppy = dice.uniform(), dice.uniform(0.06, 0.2)
    bank_depth = dice.uniform(0.03, 0.10)

    def water(px: np.ndarray, py: np.ndarray) -> np.ndarray:
        depth = np.maximum(py - horizon, 0.01)
        ripple = noise(at + px / depth * 0.03, at + 0.35 / depth, roughness=0.8)
        fine = noise(at + px * 0.6, at + py * 5.0, roughness=0.8)
        waves = choppy * (0.7 * ripple + 0.6 * fine)
        up = np.clip((py - far) / max(near - far, 0.05) + waves, 0, 1)[..., None]
        mirrored = light.haze + up * (_ZENITH - light.haze)
        mirror = (0.75 - 0.45 * up) * (0.85 + waves[..., None])
        trees = smooth((far + bank_depth * (1 + 2.5 * waves) - py) / 0.03)[..., None]
        mirrored = mirrored * (1 - 0.8 * trees) + 0.12 * trees * light.on(materials.LEAF)
        return light.on(materials.WATER, 0.5) + mirror * mirrored

    canvas.polygon(outline, water)
    _beach(canvas, light, dice, x, shore)


def _beach(canvas: Canvas, light: Light, dice: Dice, x: np.ndarray, shore: np.ndarray) -> None:
    material = materials.varied(dice.pick((materials.SAND, materials.GRAVEL, materials.DRY_GRASS)), dice)
    width = 0.012 + 0.012 * (1 + ridge(x * 2.5, dice, octaves=3).clip(-1, 1))
    outline = np.concatenate([np.stack([x, shore - 0.003], 1), np.stack([x, shore + width], 1)[::-1]])
    canvas.polygon(outline, lambda px, py: light.on(material, 0.75 + 0.1 * noise(px * 2, py * 4, roughness=0.8)))


def cast_shadow(canvas: Canvas, light: Light, x: float, y: float, width: float, height: float) -> None:
    """The soft shadow of something that stands at (x, y), away from the sun."""
    length = height * 0.55 * (1.25 - light.height)
    centre = x - light.side * (length + 0.3 * width)
    half, thick = 0.4 * width + length * abs(light.side), 0.09 * width + 0.003
    region = canvas.box(centre - half * 1.4, y - thick * 1.4, centre + half * 1.4, y + thick * 1.4)
    if region is None:
        return
    distance = np.hypot((canvas.x[region] - centre) / half, (canvas.y[region] - y) / thick)
    canvas.darken(region, 0.8 * smooth((1.2 - distance) / 0.7), light.shadow)


def tree(canvas: Canvas, light: Light, dice: Dice, x: float, y: float, height: float, distance: float) -> None:
    """A broad-leaved tree that stands at (x, y): trunk, and a crown of several balls of leaves."""
    leaf = materials.varied(
        dice.pick((materials.LEAF, materials.LEAF, materials.LIGHT_LEAF, materials.AUTUMN_LEAF)), dice, 0.2
    )
    width = height * dice.uniform(0.55, 0.85)
    balls = [(dice.uniform(-0.28, 0.28), dice.uniform(-0.25, 0.22), dice.uniform(0.45, 0.62)) for _ in range(5)]
    at = dice.uniform()
    cast_shadow(canvas, light, x, y, width, height)
    trunk = 0.035 * height
    bark = veiled(light.on(materials.BARK, 0.5), light, distance)
    trunk_top = y - 0.5 * height
    canvas.polygon(
        np.array([(x - trunk, y), (x - trunk / 2, trunk_top), (x + trunk / 2, trunk_top), (x + trunk, y)]), bark
    )
    middle, reach = y - 0.63 * height, 0.5 * width
    region = canvas.box(x - 1.15 * reach, y - 1.1 * height, x + 1.15 * reach, y - 0.12 * height)
    if region is None:
        return
    px, py = canvas.x[region], canvas.y[region]
    across, up = (px - x) / reach, (py - middle) / (0.40 * height)
    leaves = noise(at + px * 1.1, at + py * 1.1, roughness=0.8)
    inside = np.max([1 - np.hypot(across - bx, up - by) / (1.45 * size) for bx, by, size in balls], axis=0) - 0.12
    edge = inside + 0.07 * leaves
    alpha = smooth(edge / (2.5 * canvas.pixel / reach + 0.05) + 0.5)
    round_ = np.clip(0.48 - 0.40 * up * light.height + 0.30 * across * light.side, 0.03, 1)
    facing = np.clip(round_ * (0.8 + 1.1 * np.clip(inside, -0.1, 0.4)) * (1 + 0.42 * leaves), 0.02, 1.2)
    canvas.blend(region, alpha, veiled(light.on(leaf, facing), light, distance))


def conifer(canvas: Canvas, light: Light, dice: Dice, x: float, y: float, height: float, distance: float) -> None:
    """A conifer that stands at (x, y): a cone of layered branches."""
    needles = materials.varied(materials.CONIFER, dice, 0.3)
    half, layers, at = height * dice.uniform(0.16, 0.24), dice.uniform(7, 12), dice.uniform()
    cast_shadow(canvas, light, x, y, 2 * half, height)
    trunk = 0.02 * height
    canvas.polygon(
        np.array([(x - trunk, y), (x - trunk, y - 0.2 * height), (x + trunk, y - 0.2 * height), (x + trunk, y)]),
        veiled(light.on(materials.BARK, 0.4), light, distance),
    )
    region = canvas.box(x - 1.3 * half, y - height, x + 1.3 * half, y - 0.05 * height)
    if region is None:
        return
    px, py = canvas.x[region], canvas.y[region]
    down = (py - (y - height)) / (0.93 * height)
    across = (px - x) / half
    rough = noise(at + px * 1.4, at + py * 1.0, roughness=0.8)
    layer = np.mod(down * layers + 0.35 * np.abs(across), 1)
    reach = down * (0.82 + 0.22 * layer) + 0.10 * rough * down
    soft = 1.5 * canvas.pixel / half
    alpha = smooth((reach - np.abs(across)) / soft + 0.5) * smooth((1 - down) / 0.03) * (down > 0)
    facing = np.clip((0.42 + 0.30 * across * light.side) * (0.65 + 0.6 * layer) * (1 + 0.35 * rough), 0.02, 1.1)
    canvas.blend(region, alpha, veiled(light.on(needles, facing), light, distance))


def bush(canvas: Canvas, light: Light, dice: Dice, x: float, y: float, size: float, distance: float) -> None:
    """A round bush, some with flowers, which near-infrared does not tell from leaves."""
    leaf = materials.varied(dice.pick((materials.LEAF, materials.GRASS, materials.LIGHT_LEAF)), dice, 0.2)
    flowers = materials.dyed_cloth(dice) if dice.chance(0.3) else None
    at, flat = dice.uniform(), dice.uniform(0.55, 0.8)
    cast_shadow(canvas, light, x, y, 2 * size, size)
    region = canvas.box(x - 1.3 * size, y - 2.3 * size * flat, x + 1.3 * size, y + 0.2 * size)
    if region is None:
        return
    px, py = canvas.x[region], canvas.y[region]
    across, up = (px - x) / size, (py - (y - size * flat)) / (size * flat)
    leaves = noise(at + px * 1.8, at + py * 1.8, roughness=0.8)
    inside = 1 - np.hypot(across, np.minimum(up, 0.6 * up)) + 0.09 * leaves
    alpha = smooth(inside / (2 * canvas.pixel / size + 0.04) + 0.5) * (py < y + 0.5 * canvas.pixel)
    facing = np.clip((0.5 - 0.35 * up + 0.25 * across * light.side) * (1 + 0.4 * leaves), 0.03, 1.2)
    material = np.broadcast_to(leaf, (*px.shape, 4))
    if flowers is not None:
        spots = smooth(3 * noise(at + px * 4.1, at - py * 4.1, roughness=0.8) - 2.8)[..., None]
        material = material + spots * (flowers - material)
    canvas.blend(region, alpha, veiled(light.on(material, facing), light, distance))
