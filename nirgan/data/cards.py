"""Dataset cards: where a set comes from, what it may be used for, and where its pictures are expected here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from nirgan.config import plain_yaml
from nirgan.data.places import expanded
from nirgan.errors import NirganError, nearest

UNKNOWN = "unknown"


class CardFile(BaseModel):
    """A file that the set is distributed in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    size_bytes: int | None = None
    sha256: str = UNKNOWN


class Card(BaseModel):
    """Facts about a data set; ``unknown`` where nobody could say.

    Attributes:
        name: As in ``--data NAME``; the card's file is ``NAME.yaml``.
        title: What people call it.
        home: Its page.
        paper: What to cite.
        licence: Its licence, or the words about it.
        terms: What it may be used for.
        modality: ``nir`` is reflected light, ``lwir`` heat.
        layout: One of the layouts in ``nirgan data list``.
        pairing: As the authors state it; ``--data NAME`` takes it so, unless ``--pairing`` is given.
        pairs: Number of pairs.
        size: Size and format of the pictures.
        splits: The official split, or how to split.
        files: Where it is downloaded from.
        notes: What else to know before using it.
        path: Folder of the pictures, for people's own cards; relative to the card.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    home: str = UNKNOWN
    paper: str = UNKNOWN
    licence: str = UNKNOWN
    terms: str = UNKNOWN
    modality: Literal["nir", "lwir", "unknown"] = "unknown"
    layout: str
    pairing: Literal["registered", "unregistered", "unpaired"]
    pairs: int | None = None
    size: str = UNKNOWN
    splits: str = UNKNOWN
    files: tuple[CardFile, ...] = ()
    notes: tuple[str, ...] = ()
    path: str | None = None


def card_folder() -> Path:
    """Where the cards are: ``datasets/`` of a checkout, or the copies that the wheel carries."""
    package = Path(__file__).parents[1]
    shipped = package / "_dataset_cards"
    return shipped if shipped.is_dir() else package.parent / "datasets"


def list_cards() -> list[str]:
    """Names of all cards."""
    folder = card_folder()
    return sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []


def read_card(name: str) -> Card:
    """Read the card called ``name``.

    Raises:
        NirganError: if there is none (the nearest is named) or it does not hold what a card holds (key named).
    """
    if name not in list_cards():
        raise NirganError(
            f"no dataset card '{name}'{nearest(name, list_cards())} (there are: {', '.join(list_cards())})"
        )
    path = card_folder() / f"{name}.yaml"
    try:
        return Card.model_validate(plain_yaml(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise NirganError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from None
    except (OSError, ValueError) as error:
        raise NirganError(f"{path}: cannot be read ({error})") from None


def locate_card(name: str) -> tuple[Card, Path]:
    """The card, and the folder of the set that it describes.

    The folder is the card's ``path``, ``$NIRGAN_DATA/NAME`` or ``data/NAME``, whichever is there first.

    Raises:
        NirganError: if there is no such card, or its pictures are not here: where to get them and where to put them.
    """
    cards = list_cards()
    if name not in cards:
        raise NirganError(
            f"--data {name}: no such folder and no such card{nearest(name, cards)} "
            f"(cards: {', '.join(cards)}; built in: synthetic)"
        )
    card = read_card(name)
    places = [Path("data") / name]
    if "NIRGAN_DATA" in os.environ:
        places.insert(0, expanded(os.environ["NIRGAN_DATA"]) / name)
    if card.path:
        places.insert(0, card_folder() / expanded(card.path))
    for place in places:
        if place.is_dir():
            return card, place
    raise NirganError(
        f"--data {name}: its pictures are not here. Get them from {card.home} (terms: {card.terms}) and put them into "
        f"{' or '.join(str(place) for place in places)}"
        + ("" if "NIRGAN_DATA" in os.environ else f"; NIRGAN_DATA names another folder that holds {name}/")
    )
