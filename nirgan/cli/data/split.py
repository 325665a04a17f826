"""``nirgan data split``: a split as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nirgan.cli.data.options import PairingName, Seed, TaskName, open_described
from nirgan.cli.output import Json, emit_json


def command(
    folders: Annotated[list[str], typer.Argument(metavar="DIR...", help="Folders or names of cards.")],
    out: Annotated[Path, typer.Option(help="File to write, such as DIR/split.csv.")],
    val_share: Annotated[float, typer.Option(min=0, max=0.49, help="Share of scenes for validation.")] = 0.1,
    test_share: Annotated[float, typer.Option(min=0, max=0.49, help="Share of scenes for testing.")] = 0.1,
    task: TaskName = "nir2rgb",
    pairing: PairingName = None,
    seed: Seed = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write the split that training would use: the folder's own, or one made by scene and category."""
    from nirgan.data.index import SPLITS
    from nirgan.data.split import split_words
    from nirgan.errors import NirganError

    if out.exists() and not overwrite:
        raise NirganError(f"{out} is already there; name another file or use --overwrite")
    data = open_described(
        folders, task, pairing, seed, val_share=val_share, test_share=test_share, count_channels=False
    )
    data.write_split(out)
    if json:
        emit_json({"written": str(out), **{name: len(data.records(name)) for name in SPLITS}})
    else:
        typer.echo(f"{out}: {split_words(data.records())}")
