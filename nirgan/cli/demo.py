"""``nirgan demo``: the whole way on built-in scenes, in minutes on two CPU cores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nirgan.cli.output import Json, emit_json, say


def command(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes; must not exist.")] = Path("demo"),
    model: Annotated[str, typer.Option(help="As in `nirgan models list`.")] = "nirgan-base",
    preset: Annotated[str, typer.Option(help="Of the model; small suits two CPU cores.")] = "small",
    minutes: Annotated[float, typer.Option(min=0.05, help="Time to train.")] = 3.0,
    pictures: Annotated[int, typer.Option(min=1, max=99, help="New scenes to translate.")] = 6,
    seed: Annotated[int, typer.Option(help="Another seed trains another network on other scenes.")] = 0,
    json: Json = False,
) -> None:
    """Train small on built-in scenes, score it, translate a folder, compare; say what to do next."""
    from nirgan.reporting.demo import run_demo

    result = run_demo(out, model=model, preset=preset, minutes=minutes, pictures=pictures, seed=seed, say=say)
    if json:
        emit_json(result)
        return
    run = result["run"]
    say("")
    say(f"Look at {result['comparison']}: source | output | target. Next:")
    say(f"  tensorboard --logdir {Path(run).parent}")
    say(f"  nirgan train --model {model} --resume --out {run} --minutes 10     # go on training")
    say("  nirgan train --preset small --data YOUR_PAIRS     # nir/ and rgb/, equal names")
    say(f"  nirgan translate YOUR_NIR_FOLDER --weights {run}")
