"""The one path from a source picture to RGB: training previews, validation, evaluation and translation all take it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.errors import NirganError
from nirgan.inference.conditions import resolve_conditions
from nirgan.inference.ensemble import mean_over_symmetries
from nirgan.inference.maps import draw_maps
from nirgan.inference.predict import Tile, predict_picture
from nirgan.models.recipe import Recipe


@torch.no_grad()
def translate_source(
    recipe: Recipe,
    source: Tensor,
    conditions: Mapping[str, Any] | None = None,
    *,
    tile: Tile = "auto",
    budget: int | None = None,
    ensemble: int = 1,
) -> Tensor:
    """Translate one source picture of any size.

    Args:
        recipe: In eval mode; the work is done on its device and in its dtype.
        source: (C,H,W) float in [0, 1], on any device.
        conditions: What the recipe understands besides the source, by name; places in pixels of the source.
        tile: Side of the tiles in pixels, 0 for never, or ``"auto"``: the whole picture if its tiles would
            differ, else the recipe's own tiles if it has them, else the whole picture if it fits the budget, else tiles
            that do. A tile of at least three halos gives exactly what the whole picture would.
        budget: Bytes that a prediction may take; None is 1 GiB on the CPU, 60 % of what is free on CUDA.
        ensemble: Symmetries of the picture (1, 2, 4 or 8) over which the raw answers are averaged, before ``compose``:
            what that keeps of the source stays kept. It takes as many times as long.

    Returns:
        (3,H,W) float32 in [0, 1] on the recipe's device.

    Raises:
        NirganError: for a source of another shape, an unknown condition, a negative tile, another number of symmetries,
            too little memory, or an output that holds NaN.
    """
    full, working = _inputs(recipe, source, tile)
    known = draw_maps(resolve_conditions(recipe, conditions), full, working)

    def predict(picture: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        return predict_picture(recipe, picture, conditions, tile=tile, budget=budget)

    raw = mean_over_symmetries(predict, working, known, ensemble)
    output = recipe.compose(full, raw)[0].float()
    if not output.isfinite().all():
        raise NirganError("the model's output holds NaN or infinity; its weights are damaged, take others")
    return output


@torch.no_grad()
def rank_bins(
    recipe: Recipe,
    source: Tensor,
    conditions: Mapping[str, Any] | None = None,
    *,
    most: int = 5,
    tile: Tile = "auto",
) -> Tensor | None:
    """The bins of colour that a recipe scores best at each pixel, best first; None where it scores none.

    Each pixel takes those of the cell of the recipe's answer that it lies in.

    Args:
        recipe: As of ``translate_source``, which also says what is raised.
        source: The same.
        conditions: The same.
        most: How many bins.
        tile: As of ``translate_source``.

    Returns:
        (most,H,W) int16, numbers of ``nirgan.color.ab_bins``, on the recipe's device.
    """
    if not recipe.ranks_bins:
        return None

    def ranked(part: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        best = recipe.bin_logits(part, conditions).topk(most, dim=1).indices
        return F.interpolate(best.float(), size=part.shape[-2:], mode="nearest-exact")

    full, working = _inputs(recipe, source, tile)
    known = draw_maps(resolve_conditions(recipe, conditions), full, working)
    best = predict_picture(recipe, working, known, tile=tile, classes=ranked)
    return F.interpolate(best, size=full.shape[-2:], mode="nearest-exact")[0].short()


def resize_short_side(picture: Tensor, side: int | None, *, longest: int = 8) -> Tensor:
    """Resize (B,C,H,W) so that its short side is ``side``; None leaves it.

    A strip keeps its long side within ``longest`` times ``side``: a line of 1×4000 would become 1,024,000 wide.
    """
    height, width = picture.shape[-2:]
    if side is None or min(height, width) == side:
        return picture
    scale = min(side / min(height, width), longest * side / max(height, width))
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return F.interpolate(picture, size=size, mode="bilinear", align_corners=False, antialias=True)


def _inputs(recipe: Recipe, source: Tensor, tile: Tile) -> tuple[Tensor, Tensor]:
    """The source as (1,C,H,W) on the recipe's device: at full size in float32, and as ``predict`` gets it."""
    if source.ndim != 3 or 0 in source.shape:
        raise NirganError(f"a source picture has the shape (channels, height, width), not {tuple(source.shape)}")
    if tile != "auto" and not (isinstance(tile, int) and tile >= 0):
        raise NirganError(f"tile is {tile!r}, but must be 'auto', 0 (never) or a side in pixels")
    device, dtype = _place(recipe, source)
    full = source.to(device, torch.float32)[None]
    return full, resize_short_side(full, recipe.working_size).to(dtype)


def _place(recipe: Recipe, source: Tensor) -> tuple[torch.device, torch.dtype]:
    for tensor in (*recipe.parameters(), *recipe.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return source.device, torch.float32
