"""Build a recipe by name, with its options checked."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from nirgan.errors import NirganError
from nirgan.models.adversarial import with_discriminator
from nirgan.models.nirgan_reg import with_registration
from nirgan.models.options import ADVERSARIAL, REGISTRATION, resolve_options, switches_of
from nirgan.models.recipe import Recipe, Task
from nirgan.registry import MODELS

_WRAPPERS: dict[str, Callable[[type[Recipe], Any], type[Recipe]]] = {
    REGISTRATION.name: lambda recipe, _: with_registration(recipe),
    ADVERSARIAL.name: with_discriminator,
}
"""What a switch brings, from the recipe and the switch's value."""


def list_models() -> list[str]:
    """Names of every recipe, plug-ins included."""
    return MODELS.names()


def recipe_class(name: str, options: Mapping[str, Any] | None = None) -> type[Recipe]:
    """The recipe called ``name``, in the wrappers that the options ask for and it can have (``options.SWITCHES``).

    Raises:
        NirganError: if there is none; the nearest valid name is named.
    """
    build = MODELS.get(name).build
    if not (inspect.isclass(build) and issubclass(build, Recipe)):
        raise NirganError(f"model '{name}' is not a Recipe class but {build!r}; see nirgan/models/README.md")
    options = options or {}
    for switch in switches_of(build):
        if switch.is_on(options):
            build = _WRAPPERS[switch.name](build, options[switch.name])
    return build


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
    chose = {switch.name for switch in switches_of(recipe)}  # the class
    own = {option: value for option, value in options.items() if option not in chose}
    built = recipe(**given, **own)  # type: ignore[arg-type]
    built.built_with = {**given, **options}
    return built
