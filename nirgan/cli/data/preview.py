"""``nirgan data preview``: what training sees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nirgan.cli.data.options import Band, FullScale, PairingName, Seed, Specs, TaskName, open_described
from nirgan.cli.output import Json, emit_json, say


def command(
    out: Annotated[Path, typer.Option(help="Picture to write: PNG, TIFF or JPEG.")],
    data: Specs = [],  # noqa: B006  # typer's idiom for a repeatable option
    task: TaskName = "nir2rgb",
    pairing: PairingName = None,
    crop: Annotated[int, typer.Option(min=8, help="Side of the training crop in pixels.")] = 128,
    count: Annotated[int, typer.Option(min=1, max=64, help="Number of samples.")] = 8,
    seed: Seed = 0,
    band: Band = None,
    full_scale: FullScale = None,
    set_: Annotated[list[str], typer.Option("--set", help="As in train: --set dataset.augment.scale=0.2")] = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Draw what the first training batch would look like: source beside target.

    Settings that change the source (dataset.augment.shot_noise=0.002, .vignetting=0.5, .gamma=0.3, .visible=0.4, …)
    are shown beside the same crop without them.
    """
    from nirgan.config import check, parse_overrides
    from nirgan.data.files import write_picture
    from nirgan.data.preview import contact_sheet

    settings = check(parse_overrides(set_), "--set").dataset
    opened = open_described(data, task, pairing, seed, band=band, full_scale=full_scale, max_pixels=settings.max_pixels)
    sheet, failed = contact_sheet(opened, crop=crop, count=count, seed=seed, augment=settings.augment)
    write_picture(out, sheet)
    if json:
        emit_json({"written": str(out), "failed": failed})
    else:
        typer.echo(f"{out}: {count} samples of {'; '.join(opened.layouts)}")
        for failure in failed:
            say(f"left out: {failure}")
    if failed:
        raise typer.Exit(1)
