"""From what somebody has to what they should type, and why."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nirgan.data.places import expanded
from nirgan.errors import NirganError
from nirgan.inference.find import shipped_for
from nirgan.models import recipe_class
from nirgan.models.crops import largest_crop, trains_at
from nirgan.models.keeps_lightness import KeepsLightness
from nirgan.models.options import can_register, resolve_options
from nirgan.models.recipe import Recipe
from nirgan.models.untrained import Untrained
from nirgan.recommend.rules import REGISTRATION, ROUTES, RULES, Route
from nirgan.recommend.situation import Situation

_FLAGS = ("model", "preset", "data", "task", "pairing", "minutes", "crop", "out")
"""Settings that are flags of ``nirgan train``, in the order in which they are typed; others follow ``--set``."""
_SMALLEST_CROP, _CROP_STEP = 64, 32
_PAIRINGS = {"registered": "registered", "unregistered": "unregistered", "none": "unpaired"}
_PLACES = {"nir2rgb": "my/pairs", "gray2rgb": "my/photographs"}
_INPUTS = {"nir2rgb": "my/nir", "gray2rgb": "my/old"}
"""Where pictures to train on and to translate lie, as long as nobody says."""
_NO_LIGHTNESS = "NIR is no lightness: foliage is bright in it and the sky dark, and keeping it keeps that"


@dataclass(frozen=True)
class Plan:
    """One way to train.

    Attributes:
        model: Name of the recipe.
        settings: Of the run, by dotted keys; what is not there, the preset says.
        why: Sentences without their ends, the model's own first.
        commands: To type, in this order.
    """

    model: str
    settings: dict[str, Any]
    why: tuple[str, ...]
    commands: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "model": self.model,
            "settings": self.settings,
            "why": list(self.why),
            "commands": list(self.commands),
        }


@dataclass(frozen=True)
class Advice:
    """What to do.

    Attributes:
        situation: For what.
        plan: What is recommended.
        otherwise: What else may fit, each with the reason first.
        try_first: A command with weights that ship, if any ship for the task; else empty.
    """

    situation: Situation
    plan: Plan
    otherwise: tuple[Plan, ...]
    try_first: str

    def as_json(self) -> dict[str, Any]:
        """The same as plain values: the plan's own on top, beside what it is for."""
        situation = self.situation
        return {
            "task": situation.task,
            "pairs": situation.pairs,
            "count": situation.count,
            "machine": situation.machine,
            **self.plan.as_json(),
            "try_first": self.try_first,
            "otherwise": [plan.as_json() for plan in self.otherwise],
        }


def advise(situation: Situation, model: str | None = None) -> Advice:
    """What to train on what somebody has, by ``rules.ROUTES`` and ``rules.RULES``.

    Args:
        situation: What they have.
        model: A recipe that they ask about; None: any.

    Raises:
        NirganError: if there is no such recipe, or it is not for this; why, and what is instead.
    """
    if situation.count < 1:
        raise NirganError("--count is 0: there is nothing to train on; `nirgan train` alone takes built-in scenes")
    routes = [route for route in ROUTES if route.fits(situation)]
    if model is not None:
        routes = _of_model(model, situation, routes)
    plans = [_plan(route, situation) for route in routes]
    shipped = shipped_for(situation.task)
    try_first = f"nirgan translate {_INPUTS[situation.task]} --weights {shipped}" if shipped else ""
    return Advice(situation, plans[0], tuple(plans[1:]), try_first)


def _of_model(name: str, situation: Situation, routes: list[Route]) -> list[Route]:
    """The routes of a recipe that is asked about, or one that says no more than that it was."""
    recipe = recipe_class(name)
    _check_task(name, recipe, situation, routes[0])
    own = [route for route in routes if route.model == name]
    if own:
        return own
    pairing = _PAIRINGS[situation.pairs]
    route = Route(situation.task, (situation.pairs,), name, f"asked about; without that it would be {routes[0].model}")
    if situation.task == "gray2rgb" or pairing in recipe.pairings:
        return [route]
    if pairing == "unregistered" and can_register(recipe):
        aligned = Route(route.task, route.pairs, name, route.why, aligned=True)
        instead = next(each.why for each in routes if each.settings == REGISTRATION)
        return [aligned, Route(route.task, route.pairs, name, instead, REGISTRATION)]
    raise NirganError(
        f"{name} takes {' and '.join(recipe.pairings)} pictures, and these are {pairing}: take {routes[0].model}"
    )


def _check_task(name: str, recipe: type[Recipe], situation: Situation, instead: Route) -> None:
    if situation.task in recipe.tasks:
        return
    others = f"take {instead.model}, or --task {recipe.tasks[0]} if that is what you have"
    if situation.task == "nir2rgb" and issubclass(recipe, KeepsLightness | Untrained):
        raise NirganError(f"{name} keeps the lightness of its source. {_NO_LIGHTNESS}; {others}")
    raise NirganError(f"{name} is for {' and '.join(recipe.tasks)}, not for {situation.task}; {others}")


def _plan(route: Route, situation: Situation) -> Plan:
    recipe = recipe_class(route.model)
    settings: dict[str, Any] = {}
    why = [route.why]
    # What has no stages is prepared, not trained: no rule of training says anything of it.
    for rule in [] if issubclass(recipe, Untrained) else RULES:
        preset = _preset(recipe, settings) if rule.yields else {}
        added = {key: value for key, value in rule.settings.items() if not _says(preset, key)}
        if rule.fits(situation, route) and (added or not rule.settings):
            settings |= added
            why.append(rule.why)
    settings |= route.settings
    if settings.get("preset") not in recipe.presets:  # a plug-in may have others
        settings.pop("preset", None)
    crop, words = _crop(route.model, settings, situation)
    why += [words] if words else []
    settings |= {"crop": crop} if crop else {}
    return Plan(route.model, settings, tuple(why), _commands(route, situation, settings))


def _preset(recipe: type[Recipe], settings: Mapping[str, Any]) -> Mapping[str, Any]:
    return recipe.presets.get(settings.get("preset", "paper"), {})


def _says(preset: Mapping[str, Any], key: str) -> bool:
    """Whether a preset has a value for a dotted key."""
    section, _, rest = key.partition(".")
    return section in preset and (not rest or _says(preset[section], rest))


def _crop(model: str, settings: Mapping[str, Any], situation: Situation) -> tuple[int, str]:
    """A smaller crop where the preset's is larger than the smallest picture, 0 for none, and the reason."""
    prefix = "options."
    own = {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}
    recipe = recipe_class(model, own)
    crop, side = int(_preset(recipe, settings).get("crop", 256)), situation.short_side
    if side is None or side >= crop or issubclass(recipe, Untrained):
        return 0, ""

    def options(preset: Mapping[str, Any]) -> dict[str, Any]:
        return resolve_options(model, recipe, {**preset.get("options", {}), **own})

    def fitting(preset: Mapping[str, Any]) -> int:
        return largest_crop(recipe, side, options(preset), step=_CROP_STEP, least=_SMALLEST_CROP)

    preset = _preset(recipe, settings)
    if options(preset).get("working_size"):  # training brings all pictures to one size, small ones too
        return 0, ""
    if smaller := fitting(preset):
        return smaller, f"crops of {smaller} pixels: the smallest picture has a side of {side}"
    crops = range(_SMALLEST_CROP, crop, _CROP_STEP)
    least = next((each for each in crops if trains_at(recipe, each, options(preset))), crop)
    words = (
        f"the smallest picture has a side of {side} pixels: leave out what is smaller than {least}, for --crop {least}"
    )
    # The preset of smaller networks may take what this one does not; it has its own length.
    if smaller := fitting(_preset(recipe, {"preset": "small"})):
        words += f"; or keep them with --preset small --crop {smaller}"
    return 0, words


def _commands(route: Route, situation: Situation, settings: Mapping[str, Any]) -> tuple[str, ...]:
    data = situation.data or (_PLACES[situation.task],)
    commands = [["nirgan", "data", "inspect", *data]]
    if route.aligned:
        aligned = _beside(data)
        commands += [["nirgan", "data", "align", spec, "--out", out] for spec, out in zip(data, aligned, strict=True)]
        data = aligned
    out = f"runs/{route.model}" + ("-registration" if route.settings else "")
    given: dict[str, Any] = {"model": route.model, "data": data, "task": situation.task, "out": out, **settings}
    if situation.stated and situation.task == "nir2rgb" and not route.aligned:
        given["pairing"] = _PAIRINGS[situation.pairs]
    commands.append(["nirgan", "train", *_flags(given)])
    if route.has_truth(situation):
        commands.append(["nirgan", "evaluate", "--weights", out])
    commands.append(["nirgan", "translate", _INPUTS[situation.task], "--weights", out])
    return tuple(shlex.join(command) for command in commands)


def _beside(data: Sequence[str]) -> tuple[str, ...]:
    """A folder of its own for what is made of each ``--data``: in the working folder, unless that lies in the data."""
    names: list[str] = []
    for spec in data:
        folder = expanded(spec.rpartition(":")[2]).resolve()
        beside = folder.with_name(f"{folder.name}-aligned")
        name = str(beside) if Path.cwd().is_relative_to(folder) else beside.name
        names.append(name if name not in names else f"{name}-{len(names) + 1}")
    return tuple(names)


def _flags(given: Mapping[str, Any]) -> list[str]:
    typed: list[str] = []
    for name in (name for name in _FLAGS if name in given):
        values = given[name] if isinstance(given[name], tuple) else (given[name],)
        for value in values:
            typed += [f"--{name}", _text(value)]
    for key, value in given.items():
        if key not in _FLAGS:
            typed += ["--set", f"{key}={_text(value)}"]
    return typed


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
