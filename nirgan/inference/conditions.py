"""What a recipe can be told besides the source: check names and types, fill in defaults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nirgan.data.sample import Sample
from nirgan.errors import NirganError, nearest
from nirgan.models.recipe import Condition, Recipe


def resolve_conditions(recipe: Recipe, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Every condition of the recipe by name, as given or at its default.

    Raises:
        NirganError: for a name that the recipe does not declare, or a value of another type.
    """
    given = given or {}
    known = {condition.name: condition for condition in recipe.conditions}
    resolved = {name: condition.default for name, condition in known.items()}
    for name, value in given.items():
        if name not in known:
            raise NirganError(f"{type(recipe).__name__} takes no '{name}'{nearest(name, known)} ({_listed(known)})")
        resolved[name] = _made(known[name], value)
    return resolved


def sample_conditions(recipe: Recipe, sample: Sample) -> dict[str, Any]:
    """What a sample of the data tells the recipe, by the conditions' names.

    Fields of a sample and conditions of a prediction are different contracts: a caption can be both, a label that only
    a loss reads is no condition, and a noise seed is in no data. Conditions that the sample lacks keep their defaults.
    """
    return {c.name: sample.extras[c.name] for c in recipe.conditions if c.name in sample.extras}


def parse_conditions(recipe: Recipe, options: Mapping[str, str], others: Iterable[str] = ()) -> dict[str, Any]:
    """Options as typed on a command line (``noise-seed``: ``"3"``) as typed values by the conditions' names.

    ``others`` are options that exist besides, for the advice when one is misspelt.

    Raises:
        NirganError: for an option that the recipe does not have, or text that is not of its type.
    """
    known = {condition.name: condition for condition in recipe.conditions}
    parsed = {}
    for option, text in options.items():
        name = option.replace("-", "_")
        if name not in known:
            options_there = {f"--{there.replace('_', '-')}": there for there in known}
            near = nearest(f"--{option}", [*others, *options_there])
            raise NirganError(f"no option '--{option}'{near} ({_listed(options_there)})")
        parsed[name] = _parse(known[name], option, text)
    return parsed


def _parse(condition: Condition, option: str, text: str) -> Any:
    if condition.make is not None:
        return condition.make(text)
    if condition.type is bool:
        if text.lower() not in ("true", "false"):
            raise NirganError(f"--{option} is '{text}', but must be true or false")
        return text.lower() == "true"
    try:
        value = condition.type(text)
    except (TypeError, ValueError):
        raise NirganError(f"--{option} is '{text}', but must be of type {condition.type.__name__}") from None
    _check_range(condition, f"--{option}", value)
    return value


def _made(condition: Condition, value: Any) -> Any:
    if condition.make is not None and value is not condition.default:
        value = condition.make(value)
    _check(condition, value)
    return value


def _check(condition: Condition, value: Any) -> None:
    fits = isinstance(value, condition.type) or (condition.type is float and type(value) is int)
    if not fits and value != condition.default:
        raise NirganError(f"'{condition.name}' is {value!r}, but must be of type {condition.type.__name__}")
    _check_range(condition, f"'{condition.name}'", value)


def _check_range(condition: Condition, name: str, value: Any) -> None:
    if condition.above is not None and value != condition.default and not value > condition.above:
        raise NirganError(f"{name} is {value}, but must be above {condition.above:g}")


def _listed(names: Mapping[str, Any]) -> str:
    return f"this model takes {', '.join(names)}" if names else "this model takes the source alone"
