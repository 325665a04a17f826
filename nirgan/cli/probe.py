"""``nirgan probe``: what a network learned to see, by linear classifiers on its features."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nirgan.cli.output import Json, emit_json, print_table, say
from nirgan.cli.progress import progress


def command(
    data: Annotated[
        list[str], typer.Option(help="Folder with a folder of pictures for each class, or a card; repeatable.")
    ],
    weights: Annotated[
        str | None, typer.Option(help="File, run, checkpoint folder or shipped name; default: the newest run.")
    ] = None,
    layers: Annotated[
        list[str] | None,
        typer.Option(help="Module below the model's networks, as generator.bottom; repeatable. Default: its blocks."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="gray2rgb shows the lightness of colour pictures; default: what the weights are for."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes of the classifiers over the pictures.")] = 30,
    size: Annotated[
        int | None, typer.Option(min=1, help="Side of the pictures in pixels; default: as the model works or trained.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the split, the untrained network and the batches.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for probe.json, probe.csv and probe.png; default: in the run.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    json: Json = False,
) -> None:
    """Train linear classifiers on the frozen features of each block, and of an untrained network beside it.

    How well classes can be told apart by one layer's features says what the network learned by colouring pictures.
    """
    from nirgan.errors import NirganError
    from nirgan.probe.report import NO_PLOT, probe_table, write_probe
    from nirgan.probe.run import probe
    from nirgan.reporting.choose import data_name
    from nirgan.reporting.own import results_folder

    if task not in (None, "nir2rgb", "gray2rgb"):
        raise NirganError(f"--task {task}: unknown (there are: nir2rgb, gray2rgb)")
    with progress("probing", unit="looks at pictures") as show:
        summary = probe(
            weights,
            data,
            task=task,
            layers=layers or [],
            epochs=epochs,
            size=size,
            seed=seed,
            device=device,
            on_progress=show,
        )
    folder = out or results_folder(Path(summary["weights"]["file"]), "probe", data_name(data))
    plotted = write_probe(folder, summary)
    if json:
        emit_json({**summary, "out": str(folder)})
    else:
        print_table(probe_table(summary))
        say(f"weights: {summary['weights']['file']}")
    say(f"always naming the commonest class: {summary['chance']:.2f} %")
    for note in summary["notes"]:
        say(note)
    if not plotted:
        say(NO_PLOT)
    say(f"written: {folder}")
    for failure in summary["failed"]:
        say(f"left out: {failure}")
    if summary["failed"]:
        raise typer.Exit(1)
