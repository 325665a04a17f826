"""Build a recipe by name, with its options checked."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from nirgan.errors import NirganError
from nirgan.models.nirgan_reg import with_registration
from nirgan.models.options import REGISTRATION, can_register, resolve_options
from nirgan.models.recipe import Recipe, Task
from nirgan.registry import MODELS


def list_models() -> list[str]:
    """Names of every recipe, plug-ins included."""
    return MODELS.names()


def recipe_class(name: str, options: Mapping[str, Any] | None = None) -> type[Recipe]:
    """The recipe called ``name``, with a registration network if the options ask for one and it can have one.

    Raises:
        NirganError: if there is none; the nearest valid name is named.
    """
    build = MODELS.get(name).build
    if not (inspect.isclass(build) and issubclass(build, Recipe)):
        raise NirganError(f"model '{name}' is not a Recipe class but {build!r}; see nirgan/models/README.md")
    registered = options is not None and options.get(REGISTRATION) and can_register(build)
    return with_registration(build) if registered else build


def create_model(
    name: str, *, task: Task | None = None, source_channels: int = 1, crop: int | None = None, **options: Any
) -> Recipe:
    """Build a recipe.

    Args:
        name: As in ``nirgan models list``.
        task: ``nir2rgb`` or ``gray2rgb``; None takes the recipe's first.
        source_channels: Channels of the source picture.
        crop: Side of the training crop in pixels; None takes the one of the recipe's ``paper`` preset.
        options: The method's own, as in ``nirgan models show NAME``.

    Raises:
        NirganError: for an unknown name, task or option, or a value of the wrong type or range.
    """
    recipe = recipe_class(name, options)
    task = task or recipe.tasks[0]
    if task not in recipe.tasks:
        raise NirganError(f"{name} is not for the task '{task}'; it does {', '.join(recipe.tasks)}")
    crop = crop or int(recipe.presets.get("paper", {}).get("crop", 256))
    options = resolve_options(name, recipe, options)
    recipe.check_crop(crop, options)
    given = {"task": task, "source_channels": source_channels, "crop": crop}
    own = {option: value for option, value in options.items() if option != REGISTRATION}  # what chose the class
    built = recipe(**given, **own)  # type: ignore[arg-type]
    built.built_with = {**given, **options}
    return built
