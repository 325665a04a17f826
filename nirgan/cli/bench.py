"""``nirgan bench``: how fast it is here, beside the same work done the conventional way."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from nirgan.cli.output import Json, emit_json, print_table, say


def command(
    model: Annotated[
        list[str] | None, typer.Option(help="As in `nirgan models list`; repeatable. Default: pix2pix.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="paper, small (two CPU cores) or tiny (tests).")] = None,
    part: Annotated[
        list[str] | None, typer.Option(help="step, loader, translate or start; repeatable. Default: all.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Pairs to load: a folder, LAYOUT:FOLDER or a card. Default: built-in scenes.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="nir2rgb or gray2rgb; default: the model's first.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, as options.n_res=9; repeatable."),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pictures in a step.")] = None,
    crop: Annotated[int | None, typer.Option(help="Side of the training crops in pixels.")] = None,
    precision: Annotated[str | None, typer.Option(help="32, bf16 or 16, of nirgan's step.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    compile: Annotated[
        bool | None, typer.Option("--compile/--no-compile", help="Compile the networks of nirgan's step.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that read pictures.")] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Measurements of each side; the sides take turns.")] = 5,
    large: Annotated[bool, typer.Option("--large", help="Translate 4000×3000, too.")] = False,
    operators: Annotated[
        bool, typer.Option("--operators", help="List the operators a step spends its time in.")
    ] = False,
    json: Json = False,
) -> None:
    """Measure training step, loader, translation and start, each beside the conventional way where there is one.

    What is measured, and how: nirgan/bench/README.md. Use a machine that does nothing else.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "9")  # the profiler complains of GPUs that are not there otherwise

    from nirgan.bench.run import PARTS, run_bench
    from nirgan.bench.tables import machine_words, tables
    from nirgan.config import merge, parse_overrides, resolve_config

    flags: dict[str, Any] = {
        "preset": preset,
        "data": data and [data],
        "task": task,
        "batch_size": batch_size,
        "crop": crop,
        "precision": precision,
        "device": device,
        "compile": compile,
        "workers": workers,
    }
    given = merge(parse_overrides(set_ or []), {key: value for key, value in flags.items() if value is not None})
    configs = [resolve_config({**given, "model": name}) for name in model or ["pix2pix"]]
    result = run_bench(configs, part or PARTS, rounds=repeat, large=large, operators=operators, say=say)
    if json:
        emit_json(result)
        return
    for table in tables(result):
        print_table(table)
    say(machine_words(result))
