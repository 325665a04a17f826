"""A method's own options: their names and types from its constructor, values checked against them."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from nirgan.errors import NirganError, nearest
from nirgan.models.keeps_lightness import KeepsLightness
from nirgan.models.recipe import Recipe

Count = Annotated[int, Field(ge=0)]
Size = Annotated[int, Field(ge=1)]
"""Channels, blocks, levels: at least one."""
Weight = Annotated[float, Field(ge=0)]
"""Of a term in a sum of losses."""
Dropout = Annotated[float, Field(ge=0, lt=1)]
"""A probability."""
Pixels = Annotated[float, Field(gt=0)]
"""A length."""

GIVEN = ("task", "source_channels", "crop")
"""What every recipe's constructor takes besides its own options."""
_STRICT = ConfigDict(strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)


def can_register(recipe: type[Recipe]) -> bool:
    """Whether a registration network may be of use: NIR and colour come in pairs, which may be off by some pixels."""
    return "registered" in recipe.pairings and "nir2rgb" in recipe.tasks


def can_be_judged(recipe: type[Recipe]) -> bool:
    """Whether a discriminator can be shown the recipe's colours beside the true ones, whatever its own loss is."""
    return issubclass(recipe, KeepsLightness)


@dataclass(frozen=True)
class Switch:
    """An option that every recipe of a kind has; but for one value it brings a wrapper with options of its own.

    Attributes:
        name: Of the option.
        hint: Type of its values.
        off: The default, which leaves the recipe as it is.
        on: A value that does not, for words.
        fits: Whether a recipe is of that kind.
    """

    name: str
    hint: Any
    off: Any
    on: Any
    fits: Callable[[type[Recipe]], bool]

    def is_on(self, options: Mapping[str, Any]) -> bool:
        """Whether the options turn it on; what is no value of its type does not, and ``check_options`` says so."""
        value = options.get(self.name, self.off)
        return value != self.off and not _mistake(value, self.hint)


REGISTRATION = Switch("registration", bool, off=False, on=True, fits=can_register)
ADVERSARIAL = Switch("adversarial", Literal["none", "lab", "rgb"], off="none", on="lab", fits=can_be_judged)
SWITCHES = (REGISTRATION, ADVERSARIAL)


def switches_of(recipe: type[Recipe]) -> list[Switch]:
    """The switches that a recipe has."""
    return [switch for switch in SWITCHES if switch.fits(recipe)]


def recipe_options(recipe: type[Recipe]) -> dict[str, inspect.Parameter]:
    """The method's own options by name: the constructor's parameters but those that every recipe takes."""
    signatures = reversed([inspect.signature(constructor) for constructor in _constructors(recipe)])
    parameters = [p for signature in signatures for p in signature.parameters.values()]
    options = {
        p.name: p
        for p in parameters
        if p.name not in ("self", *GIVEN) and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    }
    for switch in switches_of(recipe):
        options[switch.name] = inspect.Parameter(switch.name, inspect.Parameter.KEYWORD_ONLY, default=switch.off)
    return options


def offline_options(recipe: type[Recipe]) -> dict[str, Any]:
    """The recipe's own options with which its constructor fetches nothing."""
    known = recipe_options(recipe)
    return {name: value for name, value in recipe.offline.items() if name in known}


def resolve_options(name: str, recipe: type[Recipe], options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of the recipe called ``name``: those given, checked, over the constructor's defaults.

    What is written down holds all of them, so that a later change of a default changes no old run.

    Raises:
        NirganError: as ``check_options``.
    """
    check_options(name, recipe, options)
    parameters = recipe_options(recipe).items()
    resolved = {option: p.default for option, p in parameters if p.default is not p.empty} | dict(options)
    # As YAML writes them: settings that were read again compare equal.
    return {option: list(value) if isinstance(value, tuple) else value for option, value in resolved.items()}


def check_options(name: str, recipe: type[Recipe], options: Mapping[str, Any]) -> None:
    """Check values against the types of the constructor called ``name``, which may state ranges (``Size``, ``Weight``).

    Raises:
        NirganError: for an option that the recipe does not have, or a value that is not of its type or range.
    """
    known = recipe_options(recipe)
    hints: dict[str, Any] = {switch.name: switch.hint for switch in switches_of(recipe)}
    for constructor in _constructors(recipe):
        hints = typing.get_type_hints(constructor, include_extras=True) | hints
    for option, value in options.items():
        if option not in known:
            raise NirganError(
                f"{name} has no option '{option}'{nearest(option, known)} (it has: {', '.join(known) or 'none'})"
            )
        if option in hints and (reason := _mistake(value, hints[option])):
            raise NirganError(f"{name}: option '{option}' is {value!r}, but {reason}")


def _constructors(recipe: type[Recipe]) -> Iterator[Any]:
    """The class's constructor and, as long as one passes ``**options`` on, that of the class it stands before."""
    for owner in recipe.__mro__[: recipe.__mro__.index(Recipe)]:
        constructor = vars(owner).get("__init__")
        if constructor is not None:
            yield constructor
            if not any(p.kind == p.VAR_KEYWORD for p in inspect.signature(constructor).parameters.values()):
                return


def _mistake(value: Any, hint: Any) -> str:
    """What is wrong with a value, nothing if it fits; a list may stand for a tuple, which YAML does not have."""
    adapter = TypeAdapter(hint, config=_STRICT)
    try:
        adapter.validate_python(tuple(value) if isinstance(value, list) and _is_tuple(hint) else value)
    except ValidationError as error:
        return " or ".join(dict.fromkeys(_words(problem) for problem in error.errors(include_url=False)))
    return ""


def _is_tuple(hint: Any) -> bool:
    return any(typing.get_origin(part) is tuple for part in (hint, *typing.get_args(hint)))


def _words(problem: Any) -> str:
    return str(problem["msg"]).removeprefix("Input ")
