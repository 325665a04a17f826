"""Which sets may be fetched by a command, and what to do by hand for the others."""

from __future__ import annotations

from pathlib import Path

from nirgan.data.cards import UNKNOWN, Card
from nirgan.data.places import BUILT_IN
from nirgan.errors import NirganError

_WHY = {
    "open": "the card names no file that could be fetched by itself",
    "form": "its owners ask for a form to be filled in first",
    "login": "its owners give it out after a login (an account, a password or an access code)",
    "unknown": "nobody could say on what terms it is given out",
}


def parts_folder(folder: Path) -> Path:
    """Where everything lies until the set is complete: ``NAME.part/`` beside the set's folder."""
    return folder.with_name(f"{folder.name}.part")


def require_access(card: Card, folder: Path) -> None:
    """Make sure that every file of a set may be fetched, or has been put into place by hand.

    Raises:
        NirganError: if not: why, what to do, and where to put the files.
    """
    if card.files and (card.access == "open" or not missing(card, folder)):
        return
    if card.name == BUILT_IN:
        raise NirganError(f"{card.name}: built in. {card.obtain}")
    raise NirganError(
        f"{card.name}: not fetched, because {_WHY[card.access]}. {_by_hand(card)}. {_where(card, folder)}"
    )


def missing(card: Card, folder: Path) -> list[str]:
    """Names of the card's files that are not in ``NAME.part/``."""
    return [file.name for file in card.files if not (parts_folder(folder) / file.name).is_file()]


def _by_hand(card: Card) -> str:
    return f"See {card.home}" if card.obtain == UNKNOWN else card.obtain.rstrip(".")


def _where(card: Card, folder: Path) -> str:
    if card.files:
        names = " and ".join(missing(card, folder))
        return f"Put {names} into {parts_folder(folder)} and run this again: they are checked and unpacked"
    arranged = f"; {card.arrange.rstrip('.')}" if card.arrange else f", as the layout {card.layout}"
    return f"Put the pictures into {folder}{arranged}"
