"""``nirgan evaluate``: score weights against the truth, beside the baselines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.ensemble import Ensemble, Symmetries
from nirgan.cli.output import Json, emit_json, print_table, say
from nirgan.cli.progress import progress

if TYPE_CHECKING:
    from nirgan.reporting.evaluate import Failure


def command(
    weights: Annotated[
        str | None,
        typer.Option(help="File, run, checkpoint folder or shipped name; default: the newest run, else what ships."),
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option(help="Folder or card with the truth; repeatable. Default: the run's own data.")
    ] = None,
    split: Annotated[str, typer.Option(help="test, val, train or all.")] = "test",
    protocol: Annotated[str, typer.Option(help="Frozen way to score.")] = "nirgan-1",
    out: Annotated[
        Path | None, typer.Option(help="Folder for metrics.json and per_image.csv; default: in the run.")
    ] = None,
    pairing: Annotated[str | None, typer.Option(help="Override what the layout says: registered, …")] = None,
    band: Annotated[int | None, typer.Option(min=1, help="Band that is the source; default: as in training.")] = None,
    full_scale: Annotated[
        float | None, typer.Option(help="Stored source value that means 1.0; default: the file's, else as in training.")
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="Refuse pictures of more pixels; default: 400 million, or as in training.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    tile: Annotated[str, typer.Option(help="auto, 0 for whole pictures, or the tiles' side in pixels.")] = "auto",
    ensemble: Ensemble = False,
    symmetries: Symmetries = None,
    json: Json = False,
) -> None:
    """Score a model's pictures against the truth; copying the source and a colour table stand beside it.

    Started by torchrun, the processes share the pictures, and the first one writes and speaks for all.
    """
    from nirgan.inference.ensemble import parse_ensemble
    from nirgan.inference.processes import this_process
    from nirgan.reporting.score_weights import score_weights

    lead = this_process()[0] == 0
    with progress("scoring", shown=lead) as show:
        summary, failed = score_weights(
            weights,
            data or [],
            split,
            protocol=protocol,
            out=out,
            pairing=pairing,
            band=band,
            full_scale=full_scale,
            max_pixels=max_pixels,
            device=device,
            tile=tile,
            ensemble=parse_ensemble(ensemble, symmetries),
            shared=True,
            on_progress=show,
        )
    if not lead:
        return
    if json:
        emit_json(summary)
    else:
        _show(summary)
    _list_failed(failed, summary["count"])


def _show(summary: dict[str, Any]) -> None:
    from nirgan.reporting.tables import category_table, difference_table, footnotes, result_table

    for table in (result_table(summary), difference_table(summary), category_table(summary)):
        if table is not None:
            print_table(table)
    for note in [*summary["notes"], *footnotes(summary, summary["metrics"])]:
        say(note)
    say(f"written: {summary['out']}")


def _list_failed(failed: list[Failure], scored: int) -> None:
    if not failed:
        return
    for failure in failed:
        say(f"not scored: {failure.error}")
    say(f"{len(failed)} of {len(failed) + scored} pictures could not be scored")
    raise typer.Exit(1)
