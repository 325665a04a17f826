"""``nirgan data``: what sets there are, what is in a folder, splits, built-in scenes, what training sees."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.output import Json, emit_json, say

if TYPE_CHECKING:
    from nirgan.data.index import Data

group = typer.Typer(help="List, inspect, split, render and preview data.", no_args_is_help=True)

Specs = Annotated[list[str], typer.Option("--data", help="A folder, LAYOUT:FOLDER or a card's name; may be repeated.")]
TaskName = Annotated[str, typer.Option(help="nir2rgb or gray2rgb.")]
PairingName = Annotated[str | None, typer.Option(help="registered, unregistered or unpaired; default: the layout's.")]
Seed = Annotated[int, typer.Option(min=0)]


@group.command("list")
def list_(json: Json = False) -> None:
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


@group.command()
def inspect(
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


@group.command()
def split(
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
    data = _open(folders, task, pairing, seed, val_share=val_share, test_share=test_share, count_channels=False)
    data.write_split(out)
    if json:
        emit_json({"written": str(out), **{name: len(data.records(name)) for name in SPLITS}})
    else:
        typer.echo(f"{out}: {split_words(data.records())}")


@group.command()
def synth(
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


@group.command()
def preview(
    out: Annotated[Path, typer.Option(help="Picture to write: PNG, TIFF or JPEG.")],
    data: Specs = [],  # noqa: B006  # typer's idiom for a repeatable option
    task: TaskName = "nir2rgb",
    pairing: PairingName = None,
    crop: Annotated[int, typer.Option(min=8, help="Side of the training crop in pixels.")] = 128,
    count: Annotated[int, typer.Option(min=1, max=64, help="Number of samples.")] = 8,
    seed: Seed = 0,
    band: Annotated[int | None, typer.Option(min=1, help="Band that is the source.")] = None,
    full_scale: Annotated[float | None, typer.Option(help="Stored source value that means 1.0.")] = None,
    set_: Annotated[list[str], typer.Option("--set", help="As in train: --set dataset.augment.scale=0.2")] = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Draw what the first training batch would look like: augmented crops, source beside target."""
    from nirgan.config import check, parse_overrides
    from nirgan.data.files import write_picture
    from nirgan.data.preview import contact_sheet

    augment = check(parse_overrides(set_), "--set").dataset.augment
    opened = _open(data, task, pairing, seed, band=band, full_scale=full_scale)
    sheet, failed = contact_sheet(opened, crop=crop, count=count, seed=seed, augment=augment)
    write_picture(out, sheet)
    if json:
        emit_json({"written": str(out), "failed": failed})
    else:
        typer.echo(f"{out}: {count} samples of {'; '.join(opened.layouts)}")
        for failure in failed:
            say(f"left out: {failure}")
    if failed:
        raise typer.Exit(1)


def _open(specs: list[str], task: str, pairing: str | None, seed: int, **options: Any) -> Data:
    from nirgan.data.open import open_data
    from nirgan.data.sample import Pairing
    from nirgan.errors import NirganError, nearest

    for what, value, valid in (("task", task, ["nir2rgb", "gray2rgb"]), ("pairing", pairing, [*map(str, Pairing)])):
        if value is not None and value not in valid:
            raise NirganError(f"--{what} {value}{nearest(value, valid)} (there are: {', '.join(valid)})")
    data = open_data(specs, task=task, pairing=pairing, seed=seed, **options)  # type: ignore[arg-type]  # checked above
    for words in (*data.layouts, *map(str, data.problems), data.warn_if_split_made):
        if words:
            say(words)
    return data


def _summary(name: str) -> str:
    from nirgan.registry import LAYOUTS

    entry = LAYOUTS.loaded(name)
    if entry is None:  # nobody runs a plug-in's code to list it
        return f"plug-in {LAYOUTS.plugins()[name].value}"
    return str(getattr(entry.build, "summary", ""))
