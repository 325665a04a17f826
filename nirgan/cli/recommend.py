"""``nirgan recommend``: which recipe for what somebody has, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.output import Json, emit_json

if TYPE_CHECKING:
    from nirgan.recommend import Advice, Situation


def command(
    pairs: Annotated[
        str | None,
        typer.Option(
            metavar="registered|unregistered|none",
            help="Whether pixel (x, y) is the same point in both pictures, only the scene is the same, or nothing is.",
        ),
    ] = None,
    count: Annotated[int | None, typer.Option(min=0, help="Pairs; without pairs, pictures.")] = None,
    task: Annotated[str, typer.Option(help="nir2rgb or gray2rgb.")] = "nir2rgb",
    data: Annotated[
        list[str] | None, typer.Option(help="Folder or card to look at for pairs and count; repeatable.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Ask about this one, as in `nirgan models list`.")] = None,
    device: Annotated[str, typer.Option(help="Where you will train: auto (as here), cpu, cuda or mps.")] = "auto",
    json: Json = False,
) -> None:
    """Say which model, settings and data steps fit what you have, why, and what to type.

    By rules that can be read: nirgan/recommend/rules.py.
    """
    from nirgan.recommend import advise

    advice = advise(_situation(pairs, count, task, data or [], device), model)
    if json:
        emit_json(advice.as_json())
    else:
        _show(advice)


def _situation(pairs: str | None, count: int | None, task: str, data: list[str], device: str) -> Situation:
    from nirgan.errors import NirganError, nearest
    from nirgan.recommend import Situation, look_at
    from nirgan.recommend.situation import PAIRS

    for what, value, valid in (("task", task, ["nir2rgb", "gray2rgb"]), ("pairs", pairs, [*PAIRS])):
        if value is not None and value not in valid:
            raise NirganError(f"--{what} {value}{nearest(value, valid)} (there are: {', '.join(valid)})")
    chosen: dict[str, Any] = {"task": task, "machine": _machine(device)}  # checked above
    if data:
        return look_at(data, pairs=pairs, count=count, **chosen)  # type: ignore[arg-type]
    if task == "gray2rgb":
        pairs = pairs or "none"
    if pairs is None or count is None:
        raise NirganError(
            "say what you have: --pairs registered, unregistered or none, and --count N; or where it is: --data DIR"
        )
    return Situation(pairs=pairs, count=count, **chosen)  # type: ignore[arg-type]


def _machine(device: str) -> str:
    from nirgan.inference.device import pick_device

    if device in ("cuda", "mps"):  # where they will train, which need not be here
        return "gpu"
    return "cpu" if pick_device(device).type == "cpu" else "gpu"


def _show(advice: Advice) -> None:
    plan = advice.plan
    typer.echo(f"{plan.model}, for {advice.situation.words}:")
    for why in plan.why:
        typer.echo(f"  - {why}")
    typer.echo("")
    for line in plan.commands:
        typer.echo(f"  {line}")
    if advice.try_first:
        typer.echo(f"\nbefore that, try weights that ship:\n  {advice.try_first}")
    for other in advice.otherwise:
        typer.echo(f"\notherwise {other.model}: {other.why[0]}")
        typer.echo(f"  {next(line for line in other.commands if line.startswith('nirgan train '))}")
