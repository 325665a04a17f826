"""``nirgan train``: train a model, or go on with an interrupted run."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.output import Json, emit_json, say

if TYPE_CHECKING:
    from nirgan.training import TrainResult


def command(
    model: Annotated[str | None, typer.Option(help="As in `nirgan models list`; default: nirgan-base.")] = None,
    preset: Annotated[str | None, typer.Option(help="paper, small (two CPU cores) or tiny (tests).")] = None,
    data: Annotated[
        list[str] | None, typer.Option(help="Folder or card; repeatable. Default: the built-in scenes.")
    ] = None,
    pairing: Annotated[
        str | None, typer.Option(help="registered, unregistered or unpaired; default: what the layout says.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="nir2rgb or gray2rgb; default: the model's first.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run's folder; default: runs/<model>-<date>-<time>.")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings as YAML, as in a run's config.yaml.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, as optimiser.lr=1e-4; repeatable."),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Train so many steps.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Train so many passes over the data.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Train about so long.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Pictures per process and micro-batch.")] = None,
    crop: Annotated[int | None, typer.Option(help="Side of the training crops in pixels.")] = None,
    precision: Annotated[str | None, typer.Option(help="32, bf16 or 16.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")] = None,
    devices: Annotated[int | None, typer.Option(min=1, help="Processes on this machine, one a device.")] = None,
    nodes: Annotated[int | None, typer.Option(min=1, help="Machines.")] = None,
    strategy: Annotated[str | None, typer.Option(help="auto or ddp.")] = None,
    compile: Annotated[bool | None, typer.Option("--compile/--no-compile", help="Compile the networks.")] = None,
    workers: Annotated[int | None, typer.Option(min=0, help="Processes that read pictures.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything random.")] = None,
    full_scale: Annotated[
        float | None, typer.Option(help="Stored value that means white, as 4095 for 12 bits.")
    ] = None,
    band: Annotated[int | None, typer.Option(min=1, help="Band of multi-band sources, from 1.")] = None,
    init_from: Annotated[str | None, typer.Option(help="Weights to start from, of the same model.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the newest run, or with --out.")] = False,
    json: Json = False,
) -> None:
    """Train a model; without --data on built-in scenes, so that it works at once.

    Ctrl-C finishes the step and saves; --resume goes on as if nothing had happened.
    """
    started = int(os.environ.get("LOCAL_RANK", "0")) > 0  # without importing torch for it
    if started:  # by the first process of this run, which speaks for all
        logging.getLogger().setLevel(logging.ERROR)

    from nirgan.config import merge, parse_overrides, read_yaml, resolve_config
    from nirgan.training import train

    flags: dict[str, Any] = {
        "model": model,
        "preset": preset,
        "data": data or None,
        "pairing": pairing,
        "task": task,
        "steps": steps,
        "epochs": epochs,
        "minutes": minutes,
        "batch_size": batch_size,
        "crop": crop,
        "precision": precision,
        "device": device,
        "devices": devices,
        "nodes": nodes,
        "strategy": strategy,
        "compile": compile,
        "workers": workers,
        "seed": seed,
        "full_scale": full_scale,
        "band": band,
        "init_from": init_from,
    }
    overrides = merge(parse_overrides(set_ or []), {key: value for key, value in flags.items() if value is not None})
    given = merge(_limits_apart(read_yaml(config) if config is not None else {}, overrides), overrides)
    new = None if resume and (not given or _is_run(out)) else resolve_config(given, where=str(config or "settings"))
    result = train(new, out=out, resume=resume, given=given)
    if started:
        return
    _report(result, json=json)


def _limits_apart(file: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """A file's settings without its limit where an override gives another."""
    limits = ("steps", "epochs", "minutes")
    if all(overrides.get(limit) is None for limit in limits):
        return file
    return {key: value for key, value in file.items() if key not in limits}


def _is_run(out: Path | None) -> bool:
    """Whether there is a run whose own settings count: without --out the newest, which there must be."""
    return out is None or (out / "config.yaml").is_file()


def _report(result: TrainResult, *, json: bool) -> None:
    if json:
        emit_json(
            {
                "run": str(result.run),
                "steps": result.steps,
                "seconds": round(result.seconds, 3),
                "images_per_s": round(result.images_per_s, 3),
                "val": result.val,
            }
        )
    else:
        ended = "stopped" if result.signal else "done"
        say(
            f"{ended}: {result.steps} steps in {result.seconds:.0f} s, {result.images_per_s:.1f} images/s: {result.run}"
        )
        say(f"see it with: tensorboard --logdir {result.run.parent}")
        if result.signal:
            say(f"go on with: nirgan train --resume --out {result.run}")
    if result.failed:
        say(f"{len(result.failed)} pictures could not be read:")
        for words in result.failed:
            say(f"  {words}")
    if result.signal:
        sys.exit(128 + result.signal)
    if result.failed:
        raise typer.Exit(1)
