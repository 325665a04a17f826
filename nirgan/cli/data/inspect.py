"""``nirgan data inspect``: what is in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.data.options import Band, FullScale, Workers
from nirgan.cli.output import Json, emit_json, print_table, printable, say
from nirgan.cli.progress import progress
from nirgan.errors import NirganError

if TYPE_CHECKING:
    from rich.table import Table

    from nirgan.data.inspection.look import PairLook

_SHOWN = 5
"""Files of each kind of problem, and pairs, that are named on the terminal."""


def command(
    folders: Annotated[list[str], typer.Argument(metavar="DIR...", help="Folders or names of cards.")],
    headers: Annotated[bool, typer.Option("--headers", help="Read names and headers only, decode nothing.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for index.html, a page that shows the worst pairs. What was seen is kept there, too: an "
            "inspection that was interrupted goes on, and files that have not changed are not decoded again.",
        ),
    ] = None,
    band: Band = None,
    full_scale: FullScale = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Say how a folder was recognised, what its pictures hold and what is wrong with them.

    Problems are a finding, not a failure: the exit code is 1 only if files cannot be read.
    """
    if headers and out:
        raise NirganError("--headers looks at no pictures, and --out shows some: leave out one of the two")
    if headers and (band or full_scale is not None):
        raise NirganError("--headers looks at no pixels, which --band and --full-scale are about: leave these out")
    worst: list[tuple[str, PairLook]] = []
    if headers:
        result = _names(folders)
    else:
        result, worst = _pictures(folders, out, workers, band, full_scale)
    if json:
        emit_json(result)
    else:
        _print(result)
        if worst:
            print_table(_table(worst))
    for words in result.get("failed", ()):
        say(f"failed: {words}")
    if any(problem["kind"] == "unreadable" for problem in result["problems"]):
        raise typer.Exit(1)


def _names(folders: list[str]) -> dict[str, Any]:
    from nirgan.data.inspect import inspect

    with progress("reading headers", unit="pairs") as show:
        return inspect(folders, show)


def _pictures(
    folders: list[str], out: Path | None, workers: int | None, band: int | None, full_scale: float | None
) -> tuple[dict[str, Any], list[tuple[str, PairLook]]]:
    """The report, and the worst pairs by key."""
    from nirgan.data.inspection.report import report
    from nirgan.data.inspection.survey import survey
    from nirgan.reporting.inspection_page import worst_pairs, write_page

    journal = out / "findings.jsonl" if out else None
    with progress("inspecting", unit="pairs") as show:
        seen = survey(
            folders,
            band=band,
            full_scale=full_scale,
            workers=workers,
            journal=journal,
            on_progress=show,
        )
    result = report(seen)
    if out:
        write_page(out / "index.html", seen, result)
        say(f"{out / 'index.html'} shows it with pictures")
    records, looks = seen.listing.records, seen.looks
    worst = [(records[number].key, pair) for number in worst_pairs(looks, _SHOWN) if (pair := looks[number].pair)]
    return result, worst


def _print(result: dict[str, Any]) -> None:
    from nirgan.data.inspection.report import facts

    for what, words in facts(result):
        typer.echo(printable(f"{what:<8} {words}"))
    for problem in result["problems"]:
        typer.echo(printable(f"problem  {problem['kind']}: {problem['count']}"))
        if advice := result.get("advice", {}).get(problem["kind"]):
            typer.echo(printable(f"         {advice}"))
        for file in problem["files"][:_SHOWN]:
            typer.echo(printable(f"           {file}"))
        if problem["count"] > _SHOWN:
            typer.echo("           … (all with --json)")
    if not result["problems"]:
        typer.echo("no problems found")


def _table(pairs: list[tuple[str, PairLook]]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("worst pairs", "shift, px", "x", "y", "confidence"):
        table.add_column(column, no_wrap=True, justify="left" if column == "worst pairs" else "right")
    for key, pair in pairs:
        shift = (pair.shift_px, pair.x, pair.y) if pair.shift_px is not None else ()
        where = [f"{value:.1f}" for value in shift] or ["?", "", ""]
        table.add_row(escape(printable(key)), *where, f"{pair.confidence:.2f}")
    return table
