"""Start training from weights of the same model instead of from random networks."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from nirgan.config import RunConfig
from nirgan.errors import NirganError
from nirgan.inference.find import find_weights
from nirgan.models.recipe import Recipe
from nirgan.models.weights import fill, read_info, read_weights

logger = logging.getLogger(__name__)


def check_start(config: RunConfig, recipe: Recipe) -> None:
    """Refuse, before anything else is read, weights that cannot be started from.

    Raises:
        NirganError: if there are none, they are another model's, or the recipe needs some and none, or others, are
            named.
    """
    if config.init_from is not None:
        _source(config, recipe)
    elif recipe.needs_weights:
        needed = _words(recipe.needs_weights)
        raise NirganError(f"{config.model} starts from weights of {needed}: name them with --init-from")


def take_over(recipe: Recipe, config: RunConfig) -> None:
    """Start from the weights that ``init_from`` names.

    The recipe's modules that may begin anew stay where the weights have others in their place. What ``prepare`` found
    there is taken over as far as it fits, for ``prepare`` to look at and to replace by what it finds here.

    Raises:
        NirganError: if there are none, or they do not fit; options that differ are named.
    """
    path = _source(config, recipe)
    info, tensors = read_weights(path)
    others = _others(recipe, tensors)
    try:
        fill(recipe, tensors, path, but=others | _prepared(recipe, tensors))
    except NirganError as error:
        had = {**info.options, "source_channels": info.source_channels}
        other = {
            name: value
            for name, value in had.items()
            if recipe.built_with.get(name, value) != value or name not in recipe.built_with
        }
        hint = f"; they were trained with {_words(other)}: give the same --preset or --set options" if other else ""
        raise NirganError(f"{error}{hint}") from None
    logger.info("starts from %s (%s, step %d)", path, info.model, info.step)
    if others:
        logger.info("begin anew: %s", ", ".join(sorted(others)))


def _source(config: RunConfig, recipe: Recipe) -> Path:
    """The weights that ``init_from`` names."""
    path = find_weights(config.init_from)
    info = read_info(path)
    if info.model != config.model:
        raise NirganError(
            f"--init-from {path}: weights of {info.model}, but this trains {config.model}; use --model {info.model}"
        )
    needed, had = recipe.needs_weights, {name: info.options.get(name) for name in recipe.needs_weights}
    if had != needed:
        raise NirganError(f"--init-from {path}: weights of {_words(had)}; this starts from those of {_words(needed)}")
    return path


def _words(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items())


def _others(recipe: Recipe, tensors: dict[str, Tensor]) -> set[str]:
    """Names, on either side, below those paths that may begin anew and do not fit."""
    state, found = recipe.state_dict(), set()
    for path in recipe.may_begin_anew:
        names = {name for name in (*recipe.weight_names(), *tensors) if name.startswith(f"networks.{path}.")}
        fit = (name in tensors and name in state and tensors[name].shape == state[name].shape for name in names)
        if not all(fit):
            found |= names
    return found


def _prepared(recipe: Recipe, tensors: dict[str, Tensor]) -> set[str]:
    """Names of the recipe's own buffers that do not fit, if it prepares them from the data at hand."""
    if type(recipe).prepare is Recipe.prepare:
        return set()
    own = dict(recipe.named_buffers(recurse=False))
    # An empty one has no size before it is prepared, and takes any.
    return {name for name, now in own.items() if name not in tensors or (len(now) and tensors[name].shape != now.shape)}
