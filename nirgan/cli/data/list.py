"""``nirgan data list``: what sets and layouts there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from nirgan.cli.output import Json, emit_json, print_table

if TYPE_CHECKING:
    from rich.table import Table

    from nirgan.data.cards import Card


def command(json: Json = False) -> None:
    """List the dataset cards, which of their sets are here, and the folder layouts."""
    from nirgan.data.cards import find_set, list_cards, read_card
    from nirgan.registry import LAYOUTS

    cards = [read_card(name) for name in list_cards()]
    layouts = {name: _summary(name) for name in LAYOUTS.names()}
    if json:
        here = {card.name: find_set(card) for card in cards}
        emit_json(
            {
                "datasets": [
                    {**card.model_dump(mode="json"), "here": str(here[card.name]) if here[card.name] else None}
                    for card in cards
                ],
                "layouts": layouts,
            }
        )
        return
    print_table(_table(cards))
    typer.echo("\nFetch one: `nirgan data download NAME`; its terms: `nirgan data list --json`.")
    typer.echo("\nlayouts that folders are recognised by, or read by as --data LAYOUT:FOLDER:")
    for name, summary in layouts.items():
        typer.echo(f"  {name:<14} {summary}")


def _table(cards: list[Card]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("name", "modality", "pairing", "holds", "access", "here"):
        table.add_column(column, no_wrap=True)
    table.add_column("title")
    for card in cards:
        facts = (card.name, card.modality, card.pairing, _holds(card), card.access, _here(card), card.title)
        table.add_row(*map(escape, facts))
    return table


def _holds(card: Card) -> str:
    if card.pairs is not None:
        return f"{card.pairs} pairs"
    return "" if card.pictures is None else f"{card.pictures} pictures"


def _here(card: Card) -> str:
    from nirgan.data.cards import find_set
    from nirgan.data.places import BUILT_IN

    if card.name == BUILT_IN:
        return "built in"
    place = find_set(card)
    return "no" if place is None else str(place)


def _summary(name: str) -> str:
    from nirgan.registry import LAYOUTS

    entry = LAYOUTS.loaded(name)
    if entry is None:  # nobody runs a plug-in's code to list it
        return f"plug-in {LAYOUTS.plugins()[name].value}"
    return str(getattr(entry.build, "summary", ""))
