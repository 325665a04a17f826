"""Options that several ``nirgan data`` commands share, and how they open what is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.output import say

if TYPE_CHECKING:
    from nirgan.data.index import Data

Specs = Annotated[list[str], typer.Option("--data", help="A folder, LAYOUT:FOLDER or a card's name; may be repeated.")]
TaskName = Annotated[str, typer.Option(help="nir2rgb or gray2rgb.")]
PairingName = Annotated[str | None, typer.Option(help="registered, unregistered or unpaired; default: the layout's.")]
Seed = Annotated[int, typer.Option(min=0)]
Band = Annotated[int | None, typer.Option(min=1, help="Band that is the source.")]
FullScale = Annotated[float | None, typer.Option(help="Stored source value that means 1.0.")]
Workers = Annotated[int | None, typer.Option(min=0, help="Processes; default: by cores and number of pairs.")]


def open_described(specs: list[str], task: str, pairing: str | None, seed: int, **options: Any) -> Data:
    """Open data and say what was recognised, what is wrong with it, and how its split came to be.

    Raises:
        NirganError: as ``open_data``, or for a task or pairing that does not exist.
    """
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
