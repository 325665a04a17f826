"""``nirgan data synth``: built-in scenes as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nirgan.cli.data.options import Seed
from nirgan.cli.output import Json, emit_json


def command(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write nir/ and rgb/ into.")],
    count: Annotated[int, typer.Option(min=1, help="Number of scenes.")] = 100,
    size: Annotated[int, typer.Option(min=16, help="Side of the square pictures in pixels.")] = 256,
    seed: Seed = 0,
    shift: Annotated[float, typer.Option(min=0, metavar="PX", help="Shift NIR against RGB by this many pixels.")] = 0.0,
    depth: Annotated[int, typer.Option(help="Bits of the files, 8 or 16.")] = 8,
    json: Json = False,
) -> None:
    """Render scenes with known colour into nir/ + rgb/."""
    from nirgan.data.synth import write_scenes

    write_scenes(folder, count, size=(size, size), seed=seed, shift_px=shift, depth=depth)
    if json:
        emit_json({"written": str(folder), "count": count})
    else:
        typer.echo(f"{count} scenes of {size}×{size} in {folder}")
