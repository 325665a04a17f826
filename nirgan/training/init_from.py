"""Start training from weights of the same model instead of from random networks."""

from __future__ import annotations

import logging
from pathlib import Path

from nirgan.config import RunConfig
from nirgan.errors import NirganError
from nirgan.inference.find import find_weights
from nirgan.models.recipe import Recipe
from nirgan.models.weights import fill, read_info, read_weights

logger = logging.getLogger(__name__)


def check_source(config: RunConfig) -> Path:
    """The weights that ``init_from`` names.

    Raises:
        NirganError: if there are none, or they are another model's.
    """
    path = find_weights(config.init_from)
    info = read_info(path)
    if info.model != config.model:
        raise NirganError(
            f"--init-from {path}: weights of {info.model}, but this trains {config.model}; use --model {info.model}"
        )
    return path


def take_over(recipe: Recipe, config: RunConfig) -> None:
    """Start from the weights that ``init_from`` names.

    Raises:
        NirganError: if there are none, or they do not fit; options that differ are named.
    """
    path = check_source(config)
    info, tensors = read_weights(path)
    try:
        fill(recipe, tensors, path)
    except NirganError as error:
        had = {**info.options, "source_channels": info.source_channels}
        other = [
            f"{name}={value}"
            for name, value in had.items()
            if recipe.built_with.get(name, value) != value or name not in recipe.built_with
        ]
        hint = f"; they were trained with {', '.join(other)}: give the same --preset or --set options" if other else ""
        raise NirganError(f"{error}{hint}") from None
    logger.info("starts from %s (%s, step %d)", path, info.model, info.step)
