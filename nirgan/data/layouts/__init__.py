"""Folder layouts: who is whose partner, decided from names alone.

A layout is a class registered in ``LAYOUTS`` by its name. Built-in ones are tried on a folder in the order of ``rank``
and the first that recognises it reads it; any, those of plug-ins too, can be asked for by name: ``--data NAME:FOLDER``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from nirgan.data.bands import Band
from nirgan.data.index import Problem, Record
from nirgan.errors import NirganError
from nirgan.registry import LAYOUTS


@dataclass
class Found:
    """What a layout made of a folder.

    Attributes:
        words: The layout, for people.
        records: Partners in one record; a picture without a partner in a record of its own. Their pairing is what the
            layout implies; ``--pairing`` overrides it.
        problems: Files that could not be used, for instance two with one name.
        wavelength: Band of the sources, where a card states it.
    """

    words: str
    records: list[Record]
    problems: list[Problem] = field(default_factory=list)
    wavelength: Band | None = None


class Layout(ABC):
    """One way to lay pictures out in folders.

    Attributes:
        rank: Built-in layouts are tried from the lowest rank to the highest.
        summary: One line for ``nirgan data list``.
    """

    rank: ClassVar[int] = 50
    summary: ClassVar[str] = ""

    @abstractmethod
    def recognise(self, folder: Path) -> bool:
        """Whether the folder is laid out this way. Looks at names, at most at a few headers."""

    @abstractmethod
    def read(self, folder: Path, set_name: str) -> Found:
        """List the records of a folder, in any order. Raises NirganError if it is not laid out this way."""


def layout_named(name: str) -> Layout:
    """Build a layout by name, loading the plug-in if it is one; raises NirganError with the nearest valid name."""
    layout = LAYOUTS.build(name)
    if not isinstance(layout, Layout):
        raise NirganError(f"layout '{name}' does not build a nirgan.data.layouts.Layout but {type(layout).__name__}")
    return layout


def find_layout(folder: Path, *, without: Container[str] = ()) -> Layout | None:
    """The first built-in layout that recognises the folder, or None."""
    plugins = LAYOUTS.plugins()
    names = [name for name in LAYOUTS.names() if name not in plugins and name not in without]
    for layout in sorted((layout_named(name) for name in names), key=lambda layout: layout.rank):
        if layout.recognise(folder):
            return layout
    return None
