"""Any generator of the registry that can give features for a head, by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from nirgan.errors import NirganError, nearest
from nirgan.registry import GENERATORS

_GIVEN = ("in_channels", "out_channels", "activation")
_LEVELS = 4
"""Of generators that take the channels of each level, if nothing else is wished."""


def build_features(name: str, in_channels: int, features: int, *, width: int, options: Mapping[str, Any]) -> nn.Module:
    """Build the generator called ``name`` so that it ends in ``features`` channels and a ReLU.

    Args:
        name: As registered.
        in_channels: Of the source.
        features: Channels of the output.
        width: Channels of the first layer; of a U-Net, which takes ``channels``, those of four levels double.
        options: Other arguments of the generator's constructor; they win over ``width``.

    Raises:
        NirganError: if there is no such generator, it gives no features, or it cannot be built with these options.
    """
    build = GENERATORS.get(name).build
    known = inspect.signature(build).parameters
    if not _gives_features(build):
        entries = [entry for other in GENERATORS.names() if (entry := GENERATORS.loaded(other))]
        others = [entry.name for entry in entries if _gives_features(entry.build)]
        lacking = ", ".join(p for p in _GIVEN if p not in known)
        raise NirganError(
            f"the generator '{name}' gives no features for a head, because its constructor takes no {lacking}; "
            f"choose one of {', '.join(others)}"
        )
    for option in options:
        if option not in known or option in _GIVEN:
            free = [parameter for parameter in known if parameter not in _GIVEN]
            raise NirganError(
                f"the generator '{name}' has no option '{option}'{nearest(str(option), free)} "
                f"(it has: {', '.join(free)})"
            )
    sized: dict[str, Any] = {}
    if "width" in known:
        sized["width"] = width
    elif "channels" in known:
        sized["channels"] = [width * 2**level for level in range(_LEVELS)]
    try:
        return build(in_channels=in_channels, out_channels=features, activation="relu", **{**sized, **options})
    except NirganError:
        raise
    except Exception as error:  # what a constructor says of values that it was not made for
        raise NirganError(f"the generator '{name}' cannot be built with {dict(options)}: {error}") from error


def output_stride(generator: nn.Module) -> int:
    """Pixels of the source, in each direction, to one of the generator's output; 1 unless it says otherwise."""
    return int(getattr(generator, "output_stride", 1))


def _gives_features(build: Callable[..., Any]) -> bool:
    return set(_GIVEN) <= inspect.signature(build).parameters.keys()
