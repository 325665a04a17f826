"""``nirgan data list``: what sets and layouts there are."""

from __future__ import annotations

import typer

from nirgan.cli.output import Json, emit_json


def command(json: Json = False) -> None:
    """List the dataset cards and the folder layouts."""
    from nirgan.data.cards import list_cards, read_card
    from nirgan.registry import LAYOUTS

    cards = [read_card(name) for name in list_cards()]
    layouts = {name: _summary(name) for name in LAYOUTS.names()}
    if json:
        emit_json({"datasets": [card.model_dump(mode="json") for card in cards], "layouts": layouts})
        return
    for card in cards:
        pairs = f"{card.pairs} pairs" if card.pairs else "as many as asked for" if card.name == "synthetic" else ""
        typer.echo(f"{card.name:<16} {card.pairing:<12} {pairs:<20} {card.title} ({card.home})")
    typer.echo("\nlayouts that folders are recognised by, or read by as --data LAYOUT:FOLDER:")
    for name, summary in layouts.items():
        typer.echo(f"  {name:<14} {summary}")


def _summary(name: str) -> str:
    from nirgan.registry import LAYOUTS

    entry = LAYOUTS.loaded(name)
    if entry is None:  # nobody runs a plug-in's code to list it
        return f"plug-in {LAYOUTS.plugins()[name].value}"
    return str(getattr(entry.build, "summary", ""))
