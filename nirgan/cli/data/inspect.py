"""``nirgan data inspect``: what is in a folder."""

from __future__ import annotations

from typing import Annotated

import typer

from nirgan.cli.output import Json, emit_json


def command(
    folders: Annotated[list[str], typer.Argument(metavar="DIR...", help="Folders or names of cards.")],
    json: Json = False,
) -> None:
    """Say how a folder was recognised and what is wrong with it; reads names and headers, decodes nothing."""
    from nirgan.data.inspect import inspect as look

    result = look(folders)
    if json:
        emit_json(result)
        return
    typer.echo(f"layout   {result['layout']}")
    typer.echo(f"pairing  {result['pairing']}")
    typer.echo(f"count    {result['count']}")
    for problem in result["problems"]:
        typer.echo(f"problem  {problem['kind']}: {problem['count']}")
        for file in problem["files"][:5]:
            typer.echo(f"         {file}")
        if problem["count"] > 5:
            typer.echo("         … (all with --json)")
    if not result["problems"]:
        typer.echo("no problems found")
