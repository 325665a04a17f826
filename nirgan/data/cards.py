"""Dataset cards: where a set comes from, what it may be used for, and where its pictures are expected here."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from nirgan.config import plain_yaml
from nirgan.data.bands import Band, parse_band
from nirgan.data.places import expanded
from nirgan.errors import NirganError, nearest

UNKNOWN = "unknown"


class CardFile(BaseModel):
    """A file that the set is distributed in: an archive, or one of its pictures.

    Attributes:
        url: Where it is fetched from; the last part of its path is the file's name.
        size_bytes: Its size.
        sha256: Its checksum; ``unknown`` where nobody recorded one.
        md5: An older checksum, where that is what was published. It tells damage, not malice.
        inside: Folder of the archive that is taken; empty for all of it.
        into: Folder of the set that it goes into; empty for the set's own folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    size_bytes: int | None = Field(default=None, ge=0)
    sha256: str = Field(default=UNKNOWN, pattern="^(unknown|[0-9a-f]{64})$")
    md5: str = Field(default=UNKNOWN, pattern="^(unknown|[0-9a-f]{32})$")
    inside: str = ""
    into: str = ""

    @field_validator("url")
    @classmethod
    def _names_a_file(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _is_plain(_last(url)):
            raise ValueError("must be http(s)://HOST/…/FILE")
        return url

    @field_validator("inside", "into")
    @classmethod
    def _stays_below(cls, folder: str) -> str:
        if folder and not all(map(_is_plain, folder.split("/"))):
            raise ValueError("must be a folder's name, or several with / between them")
        return folder

    @property
    def name(self) -> str:
        """The file's name."""
        return _last(self.url)

    @property
    def has_checksum(self) -> bool:
        """Whether a file can be told from a wrong one of its size."""
        return not self.sha256 == self.md5 == UNKNOWN


class Card(BaseModel):
    """Facts about a data set; ``unknown`` where nobody could say.

    Attributes:
        name: As in ``--data NAME``; the card's file is ``NAME.yaml``.
        title: What people call it.
        home: Its page.
        paper: What to cite.
        licence: Its licence, or the words about it.
        terms: What it may be used for.
        modality: What its sources are: ``nir`` is reflected light, ``lwir`` heat; ``visible``: colour pictures alone.
        wavelength: Band of its sources: nanometres such as 850, ``broad``, ``grey``, ``lwir`` or ``unknown``; see
            ``nirgan.data.bands``.
        layout: One of the layouts in ``nirgan data list``.
        arrange: What to do before that layout fits; empty if the set comes in it.
        pairing: As the authors state it; ``--data NAME`` takes it so, unless ``--pairing`` is given.
        pairs: Number of pairs.
        pictures: Number of pictures, where they are no pairs.
        size: Size and format of the pictures.
        splits: The official split, or how to split.
        access: ``open`` to everybody, after a ``form``, or after a ``login`` (an account, a password, an access code).
        obtain: Where to go, and what to do there, where ``nirgan data download`` cannot.
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
    modality: Literal["nir", "lwir", "visible", "unknown"] = "unknown"
    wavelength: str = UNKNOWN
    layout: str
    arrange: str = ""
    pairing: Literal["registered", "unregistered", "unpaired"]
    pairs: int | None = None
    pictures: int | None = None
    size: str = UNKNOWN
    splits: str = UNKNOWN
    access: Literal["open", "form", "login", "unknown"] = "unknown"
    obtain: str = UNKNOWN
    files: tuple[CardFile, ...] = ()
    notes: tuple[str, ...] = ()
    path: str | None = None

    @field_validator("wavelength", mode="before")
    @classmethod
    def _is_a_band(cls, said: object) -> str:
        return parse_band(said) or UNKNOWN

    @property
    def band(self) -> Band | None:
        """Band of its sources, if it is known."""
        heat = "lwir" if self.modality == "lwir" else None
        return heat if self.wavelength == UNKNOWN else self.wavelength

    @field_validator("files")
    @classmethod
    def _have_names_of_their_own(cls, files: tuple[CardFile, ...]) -> tuple[CardFile, ...]:
        if len({file.name.lower() for file in files}) < len(files):
            raise ValueError("two files have one name")
        return files


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
        card = Card.model_validate(plain_yaml(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        raise NirganError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg'].lower()}") from None
    except (OSError, ValueError) as error:
        raise NirganError(f"{path}: cannot be read ({error})") from None
    if card.name != name:
        raise NirganError(f"{path}: name: is '{card.name}', the file says '{name}'; make them one")
    return card


def card_places(card: Card) -> list[Path]:
    """Where the set may be: the card's ``path``, ``$NIRGAN_DATA/NAME``, ``data/NAME``. The first there counts."""
    places = [card_folder() / expanded(card.path)] if card.path else []
    if "NIRGAN_DATA" in os.environ:
        places.append(expanded(os.environ["NIRGAN_DATA"]) / card.name)
    return [*places, Path("data") / card.name]


def find_set(card: Card) -> Path | None:
    """The folder of the set, if it is here."""
    return next((place for place in card_places(card) if place.is_dir()), None)


def locate_card(name: str) -> tuple[Card, Path]:
    """The card, and the folder of the set that it describes.

    The folder is the card's ``path``, ``$NIRGAN_DATA/NAME`` or ``data/NAME``, whichever is there first.

    Raises:
        NirganError: if there is no such card, or its pictures are not here: where to get them and where to put them.
    """
    cards = list_cards()
    if name not in cards:
        raise NirganError(f"{name}: no such folder and no such card{nearest(name, cards)} (cards: {', '.join(cards)})")
    card = read_card(name)
    place = find_set(card)
    if place is not None:
        return card, place
    command = f"by `nirgan data download {name}` or " if card.access == "open" and card.files else ""
    raise NirganError(
        f"{name}: its pictures are not here. Get them {command}from {card.home} "
        f"(terms: {card.terms}) and put them into {' or '.join(str(place) for place in card_places(card))}"
        + ("" if "NIRGAN_DATA" in os.environ else f"; NIRGAN_DATA names another folder that holds {name}/")
    )


def _last(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2])


def _is_plain(name: str) -> bool:
    """Whether it names a file or folder everywhere: no separator, no dots alone, nothing that a shell or disk minds."""
    return re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9 ._()+-]*", name) is not None and not name.endswith((".", " "))
