"""``nirgan models``: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.output import Json, emit_json

if TYPE_CHECKING:
    from nirgan.models.recipe import Recipe
    from nirgan.models.weights import WeightsInfo

group = typer.Typer(
    help="List models and shipped weights, show a model (networks, parameters, options), pack weights.",
    no_args_is_help=True,
)


@group.command("list")
def list_(json: Json = False) -> None:
    """List every model, and the weights that ship; plug-ins are named without being loaded."""
    from nirgan.inference.find import shipped_infos
    from nirgan.registry import MODELS

    rows = [_row(name) for name in MODELS.names()]
    weights = [_weights_row(name, info) for name, info in shipped_infos().items()]
    if json:
        emit_json({"models": rows, "weights": weights})
        return
    for row in rows:
        typer.echo(f"{row['name']:<16} {', '.join(row['tasks']):<20} {', '.join(row['pairings']):<38} {row['paper']}")
    for row in weights:
        typer.echo(
            f"--weights {row['name']:<16} {row['task']:<10} {row['model']}, {row['bytes'] / 2**20:.1f} MiB, shipped"
        )


@group.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in `nirgan models list`.")],
    task: Annotated[str | None, typer.Option(help="nir2rgb or gray2rgb; default: the model's first.")] = None,
    json: Json = False,
) -> None:
    """Show one model: its networks with their parameters, its options with their defaults, its presets."""
    from nirgan.models import create_model, recipe_class
    from nirgan.models.options import switches_of
    from nirgan.registry import MODELS

    recipe_type = recipe_class(name)
    recipe = create_model(name, task=task)  # type: ignore[arg-type]  # create_model checks it
    result: dict[str, Any] = {
        "name": name,
        "tasks": list(recipe_type.tasks),
        "pairings": [str(p) for p in recipe_type.pairings],
        "paper": MODELS.get(name).paper or recipe_type.paper,
        "networks": {
            network: {"parameters": sum(p.numel() for p in module.parameters())}
            for network, module in recipe.networks.items()
        },
        "options": _defaults(recipe_type),
        "presets": {preset: dict(values) for preset, values in recipe_type.presets.items()},
    }
    switches = switches_of(recipe_type)
    for switch in switches:
        added = _defaults(recipe_class(name, {switch.name: switch.on}))
        result[switch.name] = {option: value for option, value in added.items() if option not in result["options"]}
    if json:
        emit_json(result)
        return
    typer.echo(f"{name}: {result['paper']}")
    typer.echo(f"  tasks     {', '.join(result['tasks'])}")
    typer.echo(f"  pairings  {', '.join(result['pairings'])}")
    for network, facts in result["networks"].items():
        typer.echo(f"  network   {network:<24} {facts['parameters']:>12,} parameters")
    for option, default in result["options"].items():
        typer.echo(f"  option    {option:<24} {default!r}")
    for switch in switches:
        for option, default in result[switch.name].items():
            typer.echo(f"  option    {option:<24} {default!r} (with {switch.name}={str(switch.on).lower()})")
    for preset, values in result["presets"].items():
        typer.echo(f"  preset    {preset:<24} {values}")


@group.command()
def pack(
    weights: Annotated[str, typer.Argument(metavar="WEIGHTS", help="File, run or checkpoint folder.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="File to write, NAME.safetensors.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    json: Json = False,
) -> None:
    """Write weights again in half precision: half as large, as those that ship; they still compute in float32."""
    from nirgan.errors import NirganError
    from nirgan.inference.find import find_weights
    from nirgan.models.half import write_half

    if out.exists() and not overwrite:
        raise NirganError(f"{out} is already there; name another file or use --overwrite")
    written = write_half(find_weights(weights), out)
    if json:
        emit_json({"written": str(out), "bytes": written})
    else:
        typer.echo(f"{out}: {written / 2**20:.2f} MiB")


def _row(name: str) -> dict[str, Any]:
    from nirgan.registry import MODELS

    entry = MODELS.loaded(name)
    if entry is None:  # a plug-in: nobody runs its code to list it
        return {"name": name, "tasks": [], "pairings": [], "paper": "", "plugin": MODELS.plugins()[name].value}
    recipe = entry.build
    return {
        "name": name,
        "tasks": list(getattr(recipe, "tasks", ())),
        "pairings": [str(p) for p in getattr(recipe, "pairings", ())],
        "paper": entry.paper or getattr(recipe, "paper", ""),
    }


def _weights_row(name: str, info: WeightsInfo) -> dict[str, Any]:
    from nirgan.inference.find import shipped_weights

    size = shipped_weights()[name].stat().st_size
    return {"name": name, "task": info.task, "model": info.model, "step": info.step, "bytes": size}


def _defaults(recipe: type[Recipe]) -> dict[str, Any]:
    from nirgan.models import recipe_options

    return {option: _plain(p.default) for option, p in recipe_options(recipe).items()}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
