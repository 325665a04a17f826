"""Colour hints: points with colours that recipes may be told, from a table or from Python."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Real
from os import PathLike
from pathlib import Path, PurePath
from typing import Any

import torch
from torch import Tensor

from nirgan.color.lab import rgb_to_lab
from nirgan.errors import NirganError
from nirgan.models.recipe import Condition, InPicture

COLUMNS = ("file", "x", "y", "radius", "color")
"""Of a table of hints; ``file`` and ``radius`` may be left out or empty."""
RADIUS = 3
"""Of a hint that has none, in pixels of the size at which the model works."""
_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Hint:
    """A square of a picture that has a colour.

    Attributes:
        x: Column of its middle, in pixels of the picture as it is shown, from 0 on the left.
        y: Row, from 0 at the top.
        color: ``#rrggbb``; its hue and chroma count, for lightness is the picture's own.
        radius: Pixels of the picture on each side of the middle: 0 is one pixel, 2 a square of 5. None is 3 pixels of
            the size at which the model works, whatever the picture's.
        file: Name of the picture, or as much of the end of its path as tells it apart; None is every picture.
    """

    x: float
    y: float
    color: str
    radius: float | None = None
    file: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.color, str) or not _COLOR.fullmatch(self.color):
            raise NirganError(f"color {self.color!r} is no color: write #rrggbb, as #c04030 for a brick's red")
        for name, value in (("x", self.x), ("y", self.y), ("radius", 0 if self.radius is None else self.radius)):
            if not isinstance(value, Real) or not math.isfinite(value):
                raise NirganError(f"a hint's {name} is {value!r}, but must be a number of pixels")
        if self.radius is not None and self.radius < 0:
            raise NirganError(f"a hint's radius is {self.radius:g}, but must be 0 or more")
        if self.file is not None and not PurePath(self.file).name:
            raise NirganError(f"a hint's file is '{self.file}', but must be the name of a picture")

    def ab(self) -> Tensor:
        """Lab's a and b (2,) of the colour."""
        rgb = torch.tensor([int(self.color[at : at + 2], 16) / 255 for at in (1, 3, 5)])
        return rgb_to_lab(rgb.view(1, 3, 1, 1))[0, 1:, 0, 0]


@dataclass(frozen=True)
class Hints(InPicture):
    """Hints for a picture, or for many.

    Attributes:
        hints: Later ones lie over earlier ones, and those of one picture over those of all.
    """

    hints: tuple[Hint, ...]

    @classmethod
    def make(cls, given: Any) -> Hints:
        """Hints from the name of a table, or from a sequence of ``Hint``.

        Raises:
            NirganError: for anything else, and as ``read``.
        """
        if isinstance(given, Hints):
            return given
        if isinstance(given, str | PathLike):
            return cls.read(Path(given))
        hints = tuple(given) if isinstance(given, Iterable) else (given,)
        if all(isinstance(hint, Hint) for hint in hints):
            return cls(hints)
        raise NirganError("hints must be the name of a table, or a list of Hint(x, y, '#rrggbb')")

    @classmethod
    def read(cls, path: Path) -> Hints:
        """Read a table: CSV whose first line names its columns.

        Raises:
            NirganError: if it cannot be read, lacks a column, or holds what is no hint (with the line).
        """
        try:
            text = path.read_bytes().decode("utf-8-sig", errors="surrogateescape")  # file names need not be UTF-8
            table = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
            names = [name.strip() for name in table.fieldnames or ()]
            if any(column not in names for column in ("x", "y", "color")):
                raise NirganError(
                    f"{path}: the first line must be {','.join(COLUMNS)}; file and radius may be left out"
                )
            table.fieldnames = names
            return cls(tuple(_hint(row, f"{path}, line {table.line_num}") for row in table))
        except OSError as error:
            raise NirganError(f"{path}: cannot be read ({error.strerror})") from None
        except csv.Error as error:
            raise NirganError(f"{path}: cannot be read as CSV ({error})") from None

    def of(self, path: Path | None) -> Hints:
        """Those of one picture; None is a picture that is no file."""
        own = [] if path is None else [hint for hint in self._named.get(path.name, ()) if _is_named(path, hint)]
        return Hints((*self._named.get("", ()), *own))

    def check(self, paths: Sequence[Path]) -> None:
        """Raise NirganError for a hint of a picture that is not among these, or that lies outside of its picture."""
        from nirgan.data.files import picture_shape  # decoders, which training and prediction can do without

        there: dict[str, list[Path]] = {}
        for path in paths:
            there.setdefault(path.name, []).append(path)
        for name, hints in self._named.items():
            for hint in hints:
                if name and not any(_is_named(path, hint) for path in there.get(name, ())):
                    raise NirganError(f"a hint is for '{hint.file}', but no picture of that name is to be translated")
        for path in paths:
            if own := self.of(path).hints:
                try:
                    size = picture_shape(path)[:2]
                except NirganError:
                    continue  # translation will say what is wrong with this file
                _check_inside(own, size, f"{path}: ")

    def draw(self, size: tuple[int, int], working: tuple[int, int]) -> Tensor:
        """Draw a, b and where they hold: (3,h,w) at the working height and width of a picture of ``size``.

        Raises:
            NirganError: for a hint outside of the picture.
        """
        _check_inside(self.hints, size)
        drawn = torch.zeros(3, *working)
        for hint in self.hints:
            rows = _span(hint.y, hint.radius, size[0], working[0])
            columns = _span(hint.x, hint.radius, size[1], working[1])
            drawn[:2, rows, columns] = hint.ab()[:, None, None]
            drawn[2, rows, columns] = 1
        return drawn

    @cached_property
    def _named(self) -> dict[str, list[Hint]]:
        """Hints by the last part of their file's name, empty for those of every picture."""
        named: dict[str, list[Hint]] = {}
        for hint in self.hints:
            named.setdefault(PurePath(hint.file).name if hint.file else "", []).append(hint)
        return named


HINTS = Condition(
    "hints", Hints, None, "Points with colours: a CSV table with the columns file,x,y,radius,color.", make=Hints.make
)
"""For recipes that take hints: ``predict`` gets a, b and where they hold (B,3,h,w), or None."""


def _hint(row: dict[str, Any], where: str) -> Hint:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    try:
        x, y, radius = (_number(name, cells[name]) for name in ("x", "y", "radius"))
        if x is None or y is None:
            raise NirganError("x and y must be given")
        return Hint(x, y, cells["color"], radius, cells["file"] or None)
    except NirganError as error:
        raise NirganError(f"{where}: {error}") from None


def _number(name: str, text: str) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        raise NirganError(f"{name} is '{text}', but must be a number of pixels") from None


def _is_named(path: Path, hint: Hint) -> bool:
    """Whether the path ends in the hint's file, part by part."""
    parts = PurePath(hint.file or "").parts
    return path.absolute().parts[-len(parts) :] == parts


def _check_inside(hints: Sequence[Hint], size: tuple[int, ...], where: str = "") -> None:
    height, width = size
    for hint in hints:
        if not (0 <= hint.x <= width - 1 and 0 <= hint.y <= height - 1):
            raise NirganError(
                f"{where}a hint at x={hint.x:g}, y={hint.y:g} lies outside of the picture of {width}×{height} pixels"
            )


def _span(place: float, radius: float | None, full: int, working: int) -> slice:
    """Pixels of an axis whose middles a hint covers, at least the one that it lies in."""
    scale = working / full
    middle = (place + 0.5) * scale
    reach = RADIUS + 0.5 if radius is None else (radius + 0.5) * scale
    inside = int(middle)
    first, last = math.ceil(middle - reach - 0.5), math.floor(middle + reach - 0.5)
    return slice(max(0, min(first, inside)), max(last, inside) + 1)
