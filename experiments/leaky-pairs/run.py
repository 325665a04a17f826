"""Registered pairs as a camera whose filter leaks would have taken them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from nirgan.cli.app import run
from nirgan.cli.output import say
from nirgan.errors import NirganError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def command(
    data: Annotated[str, typer.Option(help="Folder of registered pairs.")],
    out: Annotated[Path, typer.Option(help="New folder, laid out as the data: a nir/ and an rgb/ for each set.")],
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the truth's luminance in each source.")],
    split: Annotated[str, typer.Option(help="train, val, test or all.")] = "val",
) -> None:
    """Mix luminance of the truth into each source of a split; written as PNG of 16 bits."""
    import torch

    from nirgan.data import Pairing, open_data
    from nirgan.data.convert import from_unit
    from nirgan.data.files import write_picture
    from nirgan.losses.luminance_l1 import LUMA

    if out.exists():
        raise NirganError(f"{out} is there already: give a new folder")
    opened = open_data([data], task="nir2rgb")
    records = opened.records(split)
    if not records:
        raise NirganError(f"{data} has no pairs of the split '{split}'")
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for record in records:
        sample = opened.sample(record)
        if sample.target is None or sample.pairing != Pairing.REGISTERED:
            raise NirganError(f"{record.key}: not a registered pair, so no light of its truth can be put in its place")
        luminance = torch.tensordot(torch.tensor(LUMA), sample.target, dims=1)
        leaky = sample.source + share * (luminance - sample.source)
        folder, _, name = record.key.rpartition("/")
        for side, picture in {"nir": leaky, "rgb": sample.target}.items():
            write_picture(part / folder / side / f"{name}.png", from_unit(picture.numpy(), 16))
    part.rename(out)
    say(f"{out}: {len(records)} pairs, {share:.0%} of each source visible light")


if __name__ == "__main__":
    run(app, "run.py")
