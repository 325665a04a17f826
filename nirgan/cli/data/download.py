"""``nirgan data download``: fetch a set that a card describes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nirgan.cli.output import Json, emit_json, say
from nirgan.cli.progress import Show, progress

if TYPE_CHECKING:
    from nirgan.data.cards import Card

_MB = 10**6


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A card's name, as in `nirgan data list`.")],
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The set's folder; default: where --data NAME looks for it.")
    ] = None,
    json: Json = False,
) -> None:
    """Fetch a set, check it against its card, and unpack it; repeat the command to go on after an interruption.

    Says the set's licence and terms first. A set that is given out after a form or a login is not fetched: the command
    says where to get it and where to put the files.
    """
    from nirgan.data.cards import card_places, read_card
    from nirgan.data.download.run import download_set

    card = read_card(name)
    _tell(card)
    folder = card_places(card)[0] if out is None else out if out.name not in ("", "..") else out.resolve()
    done = download_set(card, folder, _in_megabytes)
    for file in done.files:
        say(file.words)
    if json:
        emit_json(
            {
                "written": str(done.folder),
                "was_there": done.was_there,
                "licence": card.licence,
                "terms": card.terms,
                "files": [asdict(file) for file in done.files],
            }
        )
        return
    typer.echo(f"{done.folder}: {'was here already' if done.was_there else 'is here'}, {card.title}")
    where = name if out is None else done.folder
    if card.arrange:
        typer.echo(f"before use: {card.arrange}")
    typer.echo(f"look at it: nirgan data inspect {where}")


def _tell(card: Card) -> None:
    say(f"{card.title}, {card.home}")
    for what, words in (("licence", card.licence), ("terms", card.terms), ("cite", card.paper)):
        say(f"  {what:<8} {words}")
    if card.modality == "lwir":
        say("  thermal pictures (heat), not near-infrared")


@contextmanager
def _in_megabytes(work: str) -> Iterator[Show]:
    with progress(work, unit="MB") as show:
        yield lambda done, total: show(done // _MB, max(total // _MB, 1))
