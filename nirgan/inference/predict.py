"""Run a recipe's ``predict`` on a picture of any size: padded, and whole or in tiles as memory allows."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.inference.maps import change_maps, without_maps
from nirgan.inference.memory import budget_bytes, bytes_per_pixel, is_out_of_memory
from nirgan.inference.padding import reflect_to
from nirgan.inference.statistics import global_layers, picture_norms, predict_tiles_alike
from nirgan.inference.tiling import Span, plan_tiles, resize_to
from nirgan.layers.reach import round_up
from nirgan.models.recipe import ORIGIN, Recipe

logger = logging.getLogger(__name__)

Tile = Literal["auto"] | int
"""How a picture is cut: into tiles of this side in pixels, never (0), or as memory allows."""

Classes = Callable[[Tensor, Mapping[str, Any]], Tensor]
"""What may be asked in place of ``predict``: an answer in numbers of classes, as large as what it is given."""

_NEVER_TILED = 512 * 512
"""Pixels up to which memory is not even measured."""
_SMALLEST_TILE = 64


def parse_tile(text: str) -> Tile:
    """``--tile`` as typed on a command line.

    Raises:
        NirganError: for anything but ``auto``, 0 or a side in pixels.
    """
    if text != "auto" and not text.isdecimal():
        raise NirganError(f"--tile is '{text}', but must be auto, 0 (never tile) or a side in pixels")
    return "auto" if text == "auto" else int(text)


def predict_picture(
    recipe: Recipe,
    picture: Tensor,
    conditions: Mapping[str, Any],
    *,
    tile: Tile = "auto",
    budget: int | None = None,
    classes: Classes | None = None,
) -> Tensor:
    """The raw answer (1,K,H,W) float32 to a picture (1,C,H,W) of any size; arguments as ``translate_source``.

    Conditions that lie in the picture are drawn already, as large as it is.
    With ``classes`` that is asked in place of ``predict``, and tiles are never cross-faded.
    """
    side = _choose_side(recipe, picture, conditions, budget) if tile == "auto" else int(tile)
    while True:
        try:
            return _predict(recipe, picture, conditions, side, classes)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        side = _smaller(recipe, picture, side, tile)


def untileable(recipe: Recipe) -> str:
    """Why tiles of the recipe's picture would not fit together, in words; empty if they do."""
    for path, network in _networks(recipe).items():
        for name in global_layers(network):
            layer = f"{path}.{name}".removesuffix(".")  # the network itself has no name
            return f"the layer {layer} looks at the whole picture"
    if recipe.whole_picture and not _has_picture_norms(recipe):
        return "the model looks at the whole picture"
    return ""


def _choose_side(recipe: Recipe, picture: Tensor, conditions: Mapping[str, Any], budget: int | None) -> int:
    """Side of the tiles that ``auto`` takes, 0 for the whole picture."""
    if untileable(recipe):
        return 0
    if recipe.tile is not None:
        return recipe.tile
    height, width = picture.shape[-2:]
    pixels = round_up(height, recipe.stride) * round_up(width, recipe.stride)
    if budget is None and pixels <= _NEVER_TILED:
        return 0
    costly = _has_picture_norms(recipe)
    budget = budget_bytes(picture.device, whole_picture=costly) if budget is None else budget
    affordable = budget / bytes_per_pixel(recipe, picture.shape[1], without_maps(conditions))
    if pixels <= affordable:
        return 0
    side = max(int(math.sqrt(affordable)), _SMALLEST_TILE, recipe.stride) // recipe.stride * recipe.stride
    logger.info("a %d×%d picture is translated in tiles of %d px", width, height, side)
    return side


def _predict(
    recipe: Recipe, picture: Tensor, conditions: Mapping[str, Any], side: int, classes: Classes | None
) -> Tensor:
    height, width = picture.shape[-2:]
    smallest = round_up(recipe.smallest, recipe.stride)
    enough = max(height, smallest), max(width, smallest)
    side = max(side or round_up(max(enough), recipe.stride), smallest)
    tiles = plan_tiles(*enough, side=side, stride=recipe.stride, halo=recipe.halo)
    if classes is not None:
        tiles = tiles.cut()
    ask = classes or recipe.predict
    padded = reflect_to(picture, *tiles.size)
    beside = change_maps(conditions, lambda drawn: reflect_to(drawn, *tiles.size))

    def predict(tile: Tensor, row: Span, column: Span) -> Tensor:
        own = change_maps(beside, lambda drawn: drawn[..., row.start : row.stop, column.start : column.stop])
        return ask(tile, {**own, ORIGIN: (row.start, column.start)}).float()

    if len(tiles) == 1:
        raw = predict(padded, *next(iter(tiles)))
    else:
        if reason := untileable(recipe):
            logger.warning("%s, so tiles differ in colour; --tile 0 avoids that", reason)
        raw = predict_tiles_alike(predict, _networks(recipe).values(), padded, tiles)
    # Raw that is coarser than its source is brought to its size first, so that it is cut where the source ends.
    return resize_to(raw, padded)[..., :height, :width]


def _smaller(recipe: Recipe, picture: Tensor, side: int, tile: Tile) -> int:
    """The next side to try when memory ran out; raises NirganError when there is none."""
    height, width = picture.shape[-2:]
    what = f"out of memory on a {width}×{height} picture " + (f"in tiles of {side} px" if side else "in one piece")
    if tile != "auto":
        raise NirganError(f"{what}; use --tile auto")
    if reason := untileable(recipe):
        raise NirganError(
            f"{what}, and {reason}, so that tiles would differ; use --device cpu, or --tile 512 nevertheless"
        )
    smaller = (side or max(height, width)) // 2
    if smaller < max(_SMALLEST_TILE, recipe.stride):
        raise NirganError(f"{what}; free memory or use --device cpu")
    logger.warning("%s; trying tiles of %d px", what, smaller)
    return smaller


def _networks(recipe: Recipe) -> dict[str, nn.Module]:
    paths = (path for path in recipe.translates_with if path.split(".")[0] in recipe.networks)
    return {path: recipe.network(path) for path in paths}


def _has_picture_norms(recipe: Recipe) -> bool:
    return any(picture_norms(network) for network in _networks(recipe).values())
