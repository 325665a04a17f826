"""``nirgan data shard``: a folder as a few tars."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nirgan.cli.output import Json, emit_json, say
from nirgan.cli.progress import progress


def command(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A folder, LAYOUT:FOLDER or a card's name.")],
    out: Annotated[Path, typer.Option(help="Folder to make; --data reads it then.")],
    shard_mb: Annotated[float, typer.Option(min=0.001, help="Size at which a shard is closed, in MiB.")] = 500,
    json: Json = False,
) -> None:
    """Pack pictures into tar shards, as they are; an interrupted run is gone on with by the same command."""
    from nirgan.data.shards.write import write_shards

    with progress("packing", unit="samples") as show:
        packed = write_shards(folder, out, shard_mb=shard_mb, show=show)
    for words in packed.problems:
        say(words)
    if json:
        failed = [{"path": path, "error": why} for path, why in packed.failed]
        counts = {"shards": packed.shards, "samples": packed.samples, "bytes": packed.bytes}
        emit_json({"written": str(out), **counts, "failed": failed})
    else:
        shards = f"{packed.shards} shard{'' if packed.shards == 1 else 's'}"
        typer.echo(f"{out}: {packed.samples} samples in {shards}, {packed.bytes / 2**20:.1f} MiB")
        for path, why in packed.failed:
            say(f"left out: {path}: {why}")
    if packed.failed:
        raise typer.Exit(1)
