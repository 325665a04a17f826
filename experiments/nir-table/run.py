"""The field's table: every recipe of a task trained for the same time on the same data and scored by one protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nirgan.cli.app import run
from nirgan.cli.output import say
from nirgan.errors import NirganError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

TITLES = {"nir2rgb": "NIR to RGB", "gray2rgb": "Grey to RGB"}
GREY: Mapping[str, Any] = {"task": "gray2rgb", "features": {"pretrained": False}}
"""Settings for grey pictures; features of weights that others trained would be no equal start, and may be missing."""
CHECKPOINTS = {"best": "test", "last": "last-test"}
"""Weights that are scored, and the folder for it in the run: where `nirgan compare` finds those of the best."""

Results = Mapping[str, Mapping[str, Any]]
"""By model: `training`, and what each of `CHECKPOINTS` scored."""


@app.command()
def command(
    out: Annotated[Path, typer.Option(help="Folder for runs/, table.md and table.csv; given again, it goes on there.")],
    data: Annotated[list[str] | None, typer.Option(help="Repeatable. Default: the built-in scenes.")] = None,
    task: Annotated[
        str, typer.Option(help="nir2rgb, or gray2rgb: the grey picture is made from the colours.")
    ] = "nir2rgb",
    model: Annotated[list[str] | None, typer.Option(help="NAME or NAME+OPTION; repeatable. Default: all.")] = None,
    minutes: Annotated[float, typer.Option(help="Training time of each model.")] = 15.0,
    steps: Annotated[list[str] | None, typer.Option(help="Instead of minutes: N, or METHOD=N; repeatable.")] = None,
    preset: Annotated[str, typer.Option(help="Of every model.")] = "small",
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train and score one model after the other. Let nothing else run meanwhile; given again, it goes on."""
    from nirgan.files import write_whole
    from nirgan.reporting.series import check_same_pictures, run_in_turn, score_once, settings_of, train_once
    from nirgan.reporting.sheets import csv_table

    if task not in TITLES:
        raise NirganError(f"--task {task}: give {' or '.join(TITLES)}")
    # The settings of tables that were made before there were tasks say nothing of them, and can be gone on with.
    common = {"preset": preset, "data": data or [], "seed": seed} | ({} if task == "nir2rgb" else GREY)
    given = settings_of(model or models_for(task), common, minutes=minutes, steps=steps or ())

    def measure(name: str) -> dict[str, Any]:
        folder = out / "runs" / name
        training = train_once(folder, given[name])
        scored = {
            weights: score_once(folder / "checkpoints" / weights, folder / "evaluation" / results)
            for weights, results in CHECKPOINTS.items()
        }
        return {"training": training, **scored}

    def write(results: Results) -> None:
        check_same_pictures(result[weights] for result in results.values() for weights in CHECKPOINTS)
        write_whole(out / "table.md", "\n".join(markdown(results, task)).encode())
        write_whole(out / "table.csv", csv_table(list(records(results, task))).encode())

    if run_in_turn(list(given), measure, write, say=say):
        raise typer.Exit(1)


def models_for(task: str) -> list[str]:
    """Every recipe that needs registered pairs and no more; for NIR pix2pix with a registration network beside it."""
    from nirgan.data.sample import LABEL
    from nirgan.models import list_models, recipe_class

    def fits(name: str) -> bool:
        recipe = recipe_class(name)
        return task in recipe.tasks and "registered" in recipe.pairings and set(recipe.fields) <= {LABEL}

    return sorted([*filter(fits, list_models()), *(["pix2pix+registration"] if task == "nir2rgb" else [])])


def shown(task: str) -> Sequence[str]:
    """Metrics of the table."""
    from nirgan.reporting.sheets import SHOWN, SHOWN_OF_GREY

    return SHOWN if task == "nir2rgb" else SHOWN_OF_GREY


Line = tuple[str, str, str, Mapping[str, Any]]
"""Model or baseline, weights (none of a baseline), category (none: all pictures), and what was scored."""


def lines(results: Results) -> Iterator[Line]:
    """Every line that the tables and the CSV choose from; baselines, which all models share, once and at the end."""
    for name, result in results.items():
        for weights in CHECKPOINTS:
            for category, group in {"": result[weights], **result[weights]["categories"]}.items():
                yield name, weights, category, group
    for category, group in {"": result["best"], **result["best"]["categories"]}.items():
        for baseline, metrics in group["baselines"].items():
            yield f"baseline {baseline}", "", category, {"count": group["count"], "metrics": metrics}


def markdown(results: Results, task: str) -> Iterator[str]:
    """Headings, words and tables."""
    from nirgan.reporting.sheets import conditions, differences, headings, markdown_table, scores, training_table

    whole = [line for line in lines(results) if not line[2]]
    parts = sorted((line for line in lines(results) if line[2] and line[1] != "last"), key=lambda line: line[2])
    metrics = shown(task)
    columns = ["model", *headings(metrics)]
    yield f"# {TITLES[task]}: every recipe trained alike\n"
    first = next(iter(results.values()))
    yield conditions([result["training"]["settings"] for result in results.values()], first["best"])
    yield "`best` was chosen by validation during training.\n"
    rows = [[f"{name} {weights}".strip(), *scores(of["metrics"], metrics)] for name, weights, _, of in whole]
    yield markdown_table(columns, rows)
    yield "## Beside the plain copy of the source\n\nModel minus copy, picture by picture.\n"
    rows = [
        [f"{name} {weights}", *differences(of["differences"]["copy"], metrics)]
        for name, weights, _, of in whole
        if weights
    ]
    yield markdown_table(columns, rows)
    yield "## Training\n"
    yield training_table({name: result["training"] for name, result in results.items()})
    if parts:
        yield "## By category\n\nMeans; models with their best weights.\n"
        rows = [
            [f"{part} ({of['count']})", name, *scores(of["metrics"], metrics, interval=False)]
            for name, _, part, of in parts
        ]
        yield markdown_table(["category", *columns], rows)


def records(results: Results, task: str) -> Iterator[dict[str, Any]]:
    """Rows of the CSV: all lines, with the facts of the training and the hash of the weights."""
    from nirgan.reporting.sheets import plain

    for name, weights, category, group in lines(results):
        row = {"model": name, "weights": weights, "category": category, "pictures": group["count"]}
        if weights:
            of, training = results[name][weights]["weights"], results[name]["training"]
            row |= {"step": of["step"], "hash": of["hash"], **{k: v for k, v in training.items() if k != "settings"}}
        yield row | plain(group["metrics"], shown(task))


if __name__ == "__main__":
    run(app, "run.py")
