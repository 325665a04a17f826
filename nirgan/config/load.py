"""Defaults, preset, run file, flags: from these, in this order, one checked ``RunConfig``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from nirgan.config.schema import RunConfig
from nirgan.errors import NirganError, nearest

if TYPE_CHECKING:
    from nirgan.models.recipe import Recipe

LIMITS = ("steps", "epochs", "minutes")
_LONGEST = 200
"""Characters of a wrong value that an error shows."""


class _PlainLoader(yaml.SafeLoader):
    """Reads values alone: tags that construct objects are refused, and so are aliases.

    A few lines of aliases to aliases stand for billions of values, which would be met one by one when the settings are
    checked, shown or written.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            name = self.peek_event().anchor
            raise yaml.YAMLError(f"the alias *{name} stands for a value given elsewhere: write the value out")
        return super().compose_node(parent, index)


def plain_yaml(text: str) -> Any:
    """The value that plain YAML text stands for.

    Raises:
        ValueError: if it is not YAML or asks for more than plain values; the message says where.
    """
    try:
        return yaml.load(text, Loader=_PlainLoader)  # a SafeLoader that takes less
    except Exception as error:  # PyYAML's constructors raise anything for scalars such as 2024-13-45
        raise ValueError(" ".join(str(error).split()) or type(error).__name__) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a run file: plain YAML only (tags that would construct objects are refused).

    Raises:
        NirganError: if it is missing, not YAML or not a mapping.
    """
    try:
        loaded = plain_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NirganError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise NirganError(f"{path}: not plain YAML ({error})") from None
    if loaded is None:
        return {}
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise NirganError(f"{path}: must hold 'key: value' lines, as in a run's config.yaml")
    return loaded


def parse_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    """``["optimiser.lr=1e-4"]`` as a nested dict; values are read as YAML (1e-4 as a number, too).

    Raises:
        NirganError: for an item without ``=`` or a value that is not YAML.
    """
    nested: dict[str, Any] = {}
    for item in overrides:
        dotted, equals, text = item.partition("=")
        if not equals or not dotted:
            raise NirganError(f"--set {item}: write --set key=value, as in --set optimiser.lr=1e-4")
        try:
            value = _number(plain_yaml(text))
        except ValueError:
            raise NirganError(f"--set {item}: the value is not plain YAML; quote it") from None
        node = nested
        *sections, leaf = dotted.split(".")
        for section in sections:
            child = node.setdefault(section, {})
            if not isinstance(child, dict):
                raise NirganError(f"--set {item}: '{section}' was given a value before")
            node = child
        node[leaf] = value
    return nested


def merge(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Merge nested mappings, later ones winning key by key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = merged.get(key)
            merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, Mapping) else value
    return merged


def resolve_config(given: Mapping[str, Any], *, where: str = "settings") -> RunConfig:
    """Put the recipe's preset under the given settings and check everything.

    A preset's ``epochs`` or ``steps`` gives way to any limit that was given.

    Raises:
        NirganError: for an unknown model, preset, key or option (with the nearest valid name) or a wrong type.
    """
    from nirgan.models.create import recipe_class
    from nirgan.models.options import resolve_options

    check_keys(given, RunConfig, where)
    name, preset_name = (given.get(key, RunConfig.model_fields[key].default) for key in ("model", "preset"))
    if not isinstance(name, str) or not isinstance(preset_name, str):
        raise NirganError(f"{where}: model and preset are names, not {name!r} and {preset_name!r}")
    recipe = recipe_class(name)
    if preset_name not in recipe.presets:
        raise NirganError(
            f"{name} has no preset '{preset_name}'{nearest(str(preset_name), recipe.presets)} "
            f"(it has: {', '.join(recipe.presets)})"
        )
    limited = check_limits(given, where)

    def over(preset: Mapping[str, Any]) -> RunConfig:
        kept = {key: value for key, value in preset.items() if not (limited and key in LIMITS)}
        return check(merge(kept, {"model": name, "preset": preset_name}, given), where)

    config = over(recipe.presets[preset_name])
    recipe = recipe_class(name, config.options)  # with what the options wrap around it, which has settings of its own
    config = over(recipe.presets[preset_name])
    config = config.model_copy(update={"options": resolve_options(name, recipe, config.options)})
    if config.task is None:
        config = config.model_copy(update={"task": recipe.tasks[0]})
    if config.task not in recipe.tasks:
        raise NirganError(f"{name} is not for the task '{config.task}'; it does {', '.join(recipe.tasks)}")
    validation = config.validation.model_copy(update={"metric": config.validation.metric_for(config.task)})
    return _without_features(config.model_copy(update={"validation": validation}), recipe, given, where)


def _without_features(config: RunConfig, recipe: type[Recipe], given: Mapping[str, Any], where: str) -> RunConfig:
    """Let ``features.pretrained`` be false where the recipe's options say so; true was then given in vain."""
    from nirgan.models.options import offline_options

    offline = offline_options(recipe)
    if not offline or not offline.items() <= config.options.items():
        return config
    if given.get("features", {}).get("pretrained"):
        options = ", ".join(f"options.{name}={str(value).lower()}" for name, value in offline.items())
        raise NirganError(
            f"{where}: features.pretrained=true, but {options} (given, or of the preset '{config.preset}'): "
            "change that, too, or leave it out"
        )
    return config.model_copy(update={"features": config.features.model_copy(update={"pretrained": False})})


def check_limits(given: Mapping[str, Any], where: str) -> bool:
    """Whether a limit is given; raises NirganError if more than one is."""
    limits = [limit for limit in LIMITS if given.get(limit) is not None]
    if len(limits) > 1:
        raise NirganError(f"{where}: give one of steps, epochs and minutes, not {' and '.join(limits)}")
    return bool(limits)


def check(values: Mapping[str, Any], where: str) -> RunConfig:
    """Validate complete settings, as from a run's ``config.yaml``; errors name the key."""
    check_keys(values, RunConfig, where)
    try:
        return RunConfig.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise NirganError(f"{where}: {key} is {shown(first['input'])}: {first['msg'].lower()}") from None


def shown(value: Any) -> str:
    """A wrong value as an error shows it: as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def check_keys(values: Mapping[str, Any], model: type[BaseModel], where: str, prefix: str = "") -> None:
    """Raise NirganError for the first key that ``model`` does not have, with the nearest valid one."""
    for key, value in values.items():
        field = model.model_fields.get(key)
        if field is None:
            known = [f"{prefix}{name}" for name in model.model_fields]
            raise NirganError(f"{where}: unknown key '{prefix}{key}'{nearest(f'{prefix}{key}', known)}")
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            if not isinstance(value, Mapping):
                raise NirganError(f"{where}: '{prefix}{key}' is a section: write {prefix}{key}.<name>=value")
            check_keys(value, section, where, f"{prefix}{key}.")


def dump(config: RunConfig) -> str:
    """The settings as YAML that ``check`` reads back to an equal object."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _number(value: Any) -> Any:
    # YAML 1.1 reads 1e-4 as a string, because it wants a dot; nobody who types it means a string.
    if isinstance(value, str):
        try:
            return float(value) if any(c.isdigit() for c in value) else value
        except ValueError:
            return value
    return value
