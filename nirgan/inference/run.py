"""The one path from a source picture to RGB: training previews, validation, evaluation and translation all take it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.errors import NirganError
from nirgan.inference.padding import reflect_to, round_up
from nirgan.models.recipe import Recipe

Tile = Literal["auto"] | int


@torch.no_grad()
def translate_source(
    recipe: Recipe, source: Tensor, conditions: Mapping[str, Any] | None = None, *, tile: Tile = "auto"
) -> Tensor:
    """Translate one source picture of any size.

    Args:
        recipe: In eval mode; the work is done on its device and in its dtype.
        source: (C,H,W) float in [0, 1], on any device.
        conditions: What the recipe understands besides the source, by name.
        tile: ``"auto"``, 0 for never, or the side of the tiles in pixels.

    Returns:
        (3,H,W) float32 in [0, 1] on the recipe's device.

    Raises:
        NirganError: if the source has another number of channels than the recipe takes.
    """
    if source.ndim != 3 or 0 in source.shape:
        raise NirganError(f"a source picture has the shape (channels, height, width), not {tuple(source.shape)}")
    device, dtype = _place(recipe, source)
    full = source.to(device, torch.float32)[None]
    working = resize_short_side(full, recipe.working_size).to(dtype)
    height, width = working.shape[-2:]
    padded = reflect_to(working, round_up(height, recipe.stride), round_up(width, recipe.stride))
    raw = recipe.predict(padded, dict(conditions or {})).float()
    if raw.shape[-2:] != padded.shape[-2:]:  # raw that is coarser than its source is cut where the source ends
        raw = F.interpolate(raw, size=padded.shape[-2:], mode="bilinear", align_corners=False)
    return recipe.compose(full, raw[..., :height, :width])[0].float()


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


def _place(recipe: Recipe, source: Tensor) -> tuple[torch.device, torch.dtype]:
    for tensor in (*recipe.parameters(), *recipe.buffers()):
        if tensor.is_floating_point():
            return tensor.device, tensor.dtype
    return source.device, torch.float32
