"""Conditions that lie in the picture, on their way to ``predict``: chosen by file, drawn, padded, cut."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from nirgan.models.recipe import InPicture


def check_pictures(conditions: Mapping[str, Any], paths: Sequence[Path]) -> None:
    """Raise NirganError if something cannot be meant for these pictures, which are all that will be translated."""
    for value in conditions.values():
        if isinstance(value, InPicture):
            value.check(paths)


def of_picture(conditions: Mapping[str, Any], path: Path | None) -> dict[str, Any]:
    """The conditions with what is meant for one picture; None is one that is no file."""
    return {name: value.of(path) if isinstance(value, InPicture) else value for name, value in conditions.items()}


def draw_maps(conditions: Mapping[str, Any], source: Tensor, working: Tensor) -> dict[str, Any]:
    """The conditions with what lies in a picture drawn.

    Args:
        conditions: By name.
        source: The picture (1,C,H,W) at its own size, in which places are given.
        working: The same (1,C,h,w) as it will be predicted.

    Returns:
        In place of each ``InPicture`` a map (1,K,h,w), on the device and in the dtype of ``working``.
    """
    size, side = _size(source), _size(working)
    return {
        name: value.draw(size, side)[None].to(working) if isinstance(value, InPicture) else value
        for name, value in conditions.items()
    }


def change_maps(conditions: Mapping[str, Any], change: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    """The conditions with each drawn map padded or cut as the source is."""
    return {name: change(value) if isinstance(value, Tensor) else value for name, value in conditions.items()}


def without_maps(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """The conditions that fit a source of any size."""
    return {name: value for name, value in conditions.items() if not isinstance(value, Tensor)}


def _size(picture: Tensor) -> tuple[int, int]:
    return picture.shape[-2], picture.shape[-1]
