"""Built-in scenes: outdoor pictures in colour and near-infrared, painted from what things reflect.

They need no download and carry no licence, and hold what makes the task what it is: foliage is bright in near-infrared
and dark green to the eye, sky and water are dark, dyes vanish, walls and roads look alike. They are for the first run,
for tests and for measuring what registration and loading do; a model for photographs needs photographs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nirgan.data.bands import write_sidecar
from nirgan.data.files import write_picture
from nirgan.data.scenes.compose import CATEGORIES, paint
from nirgan.data.scenes.dice import Dice
from nirgan.data.scenes.materials import NEAR_INFRARED
from nirgan.errors import NirganError
from nirgan.files import write_whole

SMALLEST_SIDE = 16
_EXPOSURE = 1.15
# A filter that passes near-infrared only leaves less light; the exposure is longer.
_NIR_EXPOSURE = 1.05


@dataclass(frozen=True)
class Scene:
    """One scene as both cameras see it.

    Attributes:
        nir: (H, W) float32 in [0, 1].
        rgb: (H, W, 3) float32 in [0, 1], sRGB.
        category: What it shows.
        matrix: 2x3: the NIR pixel for RGB pixel x is at ``matrix @ (x, y, 1)``; identity when registered.
    """

    nir: np.ndarray
    rgb: np.ndarray
    category: str
    matrix: np.ndarray


def render(
    seed: int,
    index: int,
    *,
    height: int = 256,
    width: int = 256,
    shift_px: float = 0.0,
    rotation_deg: float = 0.0,
    scale: float = 1.0,
    category: str | None = None,
) -> Scene:
    """Paint scene number ``index`` of a seed: always the same picture, whatever the other scenes are.

    A near-infrared camera that stands elsewhere is painted from where it stands, so its border shows what is there and
    nothing is interpolated. The colour picture and the scene do not depend on the shift.

    Args:
        seed: Names a set of scenes.
        index: Names a scene in it; categories take turns.
        height: Rows.
        width: Columns.
        shift_px: Length of the NIR picture's shift, in a direction of the scene's own.
        rotation_deg: Turn of the NIR picture about its centre.
        scale: Size of things in the NIR picture relative to the colour picture.
        category: One of ``CATEGORIES``, None for the index's own.

    Raises:
        NirganError: for an unknown category or a picture smaller than 16 pixels.
    """
    if min(height, width) < SMALLEST_SIDE:
        raise NirganError(f"scenes of {width}x{height} pixels: a side must have {SMALLEST_SIDE} at least")
    if category is not None and category not in CATEGORIES:
        raise NirganError(f"no scenes of category '{category}' (there are: {', '.join(CATEGORIES)})")
    chosen = category or list(CATEGORIES)[index % len(CATEGORIES)]
    matrix = _matrix(Dice(seed, index, 1), height, width, shift_px, rotation_deg, scale)
    colour = paint(chosen, height, width, np.eye(2, 3), Dice(seed, index))
    moved = shift_px or rotation_deg or scale != 1
    near_infrared = paint(chosen, height, width, matrix, Dice(seed, index)) if moved else colour
    exposure = Dice(seed, index, 2).uniform(0.85, 1.15)
    return Scene(
        nir=_developed(near_infrared[..., 3] * _NIR_EXPOSURE),
        rgb=_developed(colour[..., :3] * (_EXPOSURE * exposure)),
        category=chosen,
        matrix=matrix,
    )


def write_scenes(
    folder: Path,
    count: int,
    *,
    size: tuple[int, int] = (256, 256),
    seed: int = 0,
    shift_px: float = 0.0,
    depth: int = 8,
    rotation_deg: float = 0.0,
    scale: float = 1.0,
) -> list[Path]:
    """Write scenes 0 to ``count`` - 1: ``nir/NAME.png``, ``rgb/NAME.png`` and, if misaligned, ``affine/NAME.txt``.

    ``band.yaml`` beside them says of which band they are.

    Args:
        folder: Made if it is not there.
        count: Pairs.
        size: (height, width) in pixels.
        seed: As ``render``.
        shift_px: As ``render``.
        depth: 8 or 16 bits, for both.
        rotation_deg: As ``render``.
        scale: As ``render``.

    Returns:
        The NIR files.

    Raises:
        NirganError: if the folder holds something already, or the count or size makes no sense.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NirganError(f"{folder}: is not an empty folder; name a new one")
    if count < 1:
        raise NirganError(f"{count} scenes: ask for one at least")
    if depth not in (8, 16):
        raise NirganError(f"depth {depth}: scenes are written with 8 or 16 bits")
    written = []
    for index in range(count):
        scene = render(
            seed, index, height=size[0], width=size[1], shift_px=shift_px, rotation_deg=rotation_deg, scale=scale
        )
        name = f"{scene.category}_{index:04d}"
        written.append(folder / "nir" / f"{name}.png")
        write_picture(written[-1], _levels(scene.nir[..., None], depth))
        write_picture(folder / "rgb" / f"{name}.png", _levels(scene.rgb, depth))
        if shift_px or rotation_deg or scale != 1:
            rows = "\n".join(" ".join(f"{value:.10g}" for value in row) for row in scene.matrix)
            write_whole(folder / "affine" / f"{name}.txt", (rows + "\n").encode())
    write_sidecar(folder, NEAR_INFRARED)
    return written


def _matrix(dice: Dice, height: int, width: int, shift_px: float, rotation_deg: float, scale: float) -> np.ndarray:
    direction, turn = dice.uniform(0, 2 * math.pi), math.radians(rotation_deg)
    linear = scale * np.array([(math.cos(turn), math.sin(turn)), (-math.sin(turn), math.cos(turn))])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    shift = shift_px * np.array([math.cos(direction), math.sin(direction)])
    return np.column_stack([linear, centre - linear @ centre + shift])


def _developed(radiance: np.ndarray) -> np.ndarray:
    """Picture values of linear radiance: a soft shoulder above 0.7 instead of burnt-out white, then the sRGB curve.

    Both cameras use it, as the modified SLR does with which the EPFL scenes were taken: NIR files for people to look at
    are not linear. A sensor's linear files would need a model trained on such.
    """
    soft = np.where(radiance > 0.7, 1 - 0.3 * np.exp(-(radiance - 0.7) / 0.3), radiance)
    return np.where(soft > 0.0031308, 1.055 * np.maximum(soft, 1e-6) ** (1 / 2.4) - 0.055, 12.92 * soft).astype(
        np.float32
    )


def _levels(picture: np.ndarray, depth: int) -> np.ndarray:
    largest = 2**depth - 1
    return np.rint(picture.astype(np.float64) * largest).astype(f"uint{depth}")
