"""Build a recipe by name, with its options checked."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from nirgan.errors import NirganError, nearest
from nirgan.models.recipe import Recipe, Task
from nirgan.registry import MODELS

_GIVEN = ("task", "source_channels", "crop")


def list_models() -> list[str]:
    """Names of every recipe, plug-ins included."""
    return MODELS.names()


def recipe_class(name: str) -> type[Recipe]:
    """The recipe called ``name``; raises NirganError with the nearest valid name if there is none."""
    build = MODELS.get(name).build
    if not (inspect.isclass(build) and issubclass(build, Recipe)):
        raise NirganError(f"model '{name}' is not a Recipe class but {build!r}; see nirgan/models/README.md")
    return build


def recipe_options(recipe: type[Recipe]) -> dict[str, inspect.Parameter]:
    """The method's own options by name: the constructor's parameters but those that every recipe takes."""
    parameters = inspect.signature(recipe).parameters
    return {name: p for name, p in parameters.items() if name not in _GIVEN}


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
        NirganError: for an unknown name, task or option, or a value of the wrong type.
    """
    recipe = recipe_class(name)
    task = task or recipe.tasks[0]
    if task not in recipe.tasks:
        raise NirganError(f"{name} is not for the task '{task}'; it does {', '.join(recipe.tasks)}")
    crop = crop or int(recipe.presets.get("paper", {}).get("crop", 256))
    check_options(name, recipe, options)
    recipe.check_crop(crop, options)
    given = {"task": task, "source_channels": source_channels, "crop": crop}
    built = recipe(**given, **options)  # type: ignore[arg-type]
    built.built_with = {**given, **options}
    return built


def check_options(name: str, recipe: type[Recipe], options: Mapping[str, Any]) -> None:
    """Raise NirganError for an option that the recipe does not have or a value that is not of its type."""
    known = recipe_options(recipe)
    hints = typing.get_type_hints(recipe.__init__)
    for option, value in options.items():
        if option not in known:
            raise NirganError(
                f"{name} has no option '{option}'{nearest(option, known)} (it has: {', '.join(known) or 'none'})"
            )
        if option in hints and not _fits(value, hints[option]):
            raise NirganError(f"{name}: option '{option}' is {value!r}, but must be {_words(hints[option])}")


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if hint is Any:
        return True
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(hint))
    if origin in (tuple, list):
        return isinstance(value, tuple | list)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is type(None):
        return value is None
    return isinstance(value, hint) if isinstance(hint, type) else True


def _words(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Literal:
        return "one of " + ", ".join(repr(part) for part in typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_words(part) for part in typing.get_args(hint))
    return "null" if hint is type(None) else getattr(hint, "__name__", str(hint))
