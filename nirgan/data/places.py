"""Where a ``--data`` points: at a folder, with what a layout's name or a card says about it, or at built-in scenes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from nirgan.data.bands import Band
from nirgan.data.sample import Pairing
from nirgan.data.scenes.materials import NEAR_INFRARED
from nirgan.errors import NirganError
from nirgan.registry import LAYOUTS

BUILT_IN = "synthetic"


@dataclass(frozen=True)
class Place:
    """What one ``--data`` names.

    Attributes:
        folder: Where the pictures are; None for the built-in scenes.
        layout: Name of the layout to read it by; empty if it has to be recognised.
        pairing: As a card states it; None where no card does.
        wavelength: Band of the sources, the same.
    """

    folder: Path | None
    layout: str = ""
    pairing: Pairing | None = None
    wavelength: Band | None = None


def locate(spec: str) -> Place:
    """Find what a ``--data`` names: a folder, ``LAYOUT:FOLDER``, the name of a card, or ``synthetic``.

    Raises:
        NirganError: if there is no such folder or card.
    """
    if spec == BUILT_IN:
        return Place(None, wavelength=NEAR_INFRARED)
    layout, colon, rest = spec.partition(":")
    if colon and layout in LAYOUTS.names():
        folder = expanded(rest)
        if not folder.is_dir():
            raise NirganError(f"{spec}: there is no folder {folder}")
        return Place(folder, layout)
    folder = expanded(spec)
    if folder.is_dir():
        return Place(folder)
    if folder.is_file():
        raise NirganError(f"{spec}: that is a file; give the folder of the pictures")
    from nirgan.data.cards import locate_card

    card, folder = locate_card(spec)
    return Place(folder, card.layout, Pairing(card.pairing), card.band)


def anchored(spec: str) -> str:
    """What a ``--data`` names, for any working folder: paths made absolute, names of cards as they are."""
    layout, colon, rest = spec.partition(":")
    if colon and layout in LAYOUTS.names():
        return f"{layout}:{absolute(rest)}"
    return absolute(spec) if spec != BUILT_IN and expanded(spec).is_dir() else spec


def absolute(path: str) -> str:
    """The path for any working folder, links in it and all: their names may be those of sets."""
    return os.path.abspath(expanded(path))  # noqa: PTH100  # resolve() follows links


def expanded(path: str) -> Path:
    """The path with ``~`` replaced, as far as it stands for somebody's folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody of that name: a file's name may begin so
        return Path(path)


def real_place(spec: str) -> Path:
    """One path for every way to name a place: ``DIR``, ``nir-rgb:DIR``, a link to it, or a card of it.

    The built-in scenes, and what leads nowhere, keep their name.
    """
    try:
        folder = locate(spec).folder
    except NirganError:
        return Path(spec)
    return folder.resolve() if folder else Path(BUILT_IN)
