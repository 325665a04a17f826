"""``nirgan models``: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.output import Json, emit_json

if TYPE_CHECKING:
    from nirgan.models.recipe import Recipe

group = typer.Typer(
    help="List the models and show one: paper, tasks, pairings, networks, parameters.", no_args_is_help=True
)


@group.command("list")
def list_(json: Json = False) -> None:
    """List every model; plug-ins are named without being loaded."""
    from nirgan.registry import MODELS

    rows = [_row(name) for name in MODELS.names()]
    if json:
        emit_json({"models": rows})
        return
    for row in rows:
        typer.echo(f"{row['name']:<16} {', '.join(row['tasks']):<20} {', '.join(row['pairings']):<38} {row['paper']}")


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


def _defaults(recipe: type[Recipe]) -> dict[str, Any]:
    from nirgan.models import recipe_options

    return {option: _plain(p.default) for option, p in recipe_options(recipe).items()}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
