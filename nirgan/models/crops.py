"""Crops that a recipe can train at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nirgan.errors import NirganError
from nirgan.models.recipe import Recipe


def trains_at(recipe: type[Recipe], crop: int, options: Mapping[str, Any]) -> bool:
    """Whether a recipe with these options takes a crop."""
    try:
        recipe.check_crop(crop, options)
    except NirganError:
        return False
    return True


def largest_crop(
    recipe: type[Recipe], side: int, options: Mapping[str, Any], *, step: int = 16, least: int = 16
) -> int:
    """The largest crop that a recipe with these options takes and that fits into a picture; 0 if there is none.

    Args:
        recipe: Wrapped as the options say.
        side: Short side of the picture in pixels.
        options: All of them.
        step: Only multiples of it are tried.
        least: And none below.
    """
    crops = range(side - side % step, least - 1, -step)
    return next((crop for crop in crops if trains_at(recipe, crop, options)), 0)
