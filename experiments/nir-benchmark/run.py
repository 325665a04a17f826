"""The benchmark: recipes and ideas trained for the same time on the same data and scored by one protocol."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nirgan.cli.app import run
from nirgan.cli.output import say
from nirgan.errors import NirganError

if TYPE_CHECKING:
    from nirgan.reporting.series_tables import SeriesTables

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

TITLES = {"nir2rgb": "NIR to RGB", "gray2rgb": "Grey to RGB"}
CHOSEN = {
    "test": "`best` was chosen by validation during training, `last` was not chosen.\n",
    "val": "`best` was chosen by validation on pictures of this very split, which flatters it; `last` was not.\n",
}
"""What must be known of the two kinds of weights, by the split that is scored."""
GREY: Mapping[str, Any] = {"task": "gray2rgb", "features": {"pretrained": False}}
"""Settings for grey pictures; features of weights that others trained would be no equal start, and may be missing."""

Results = Mapping[str, Mapping[str, Any]]
"""By method: `training`, and what its best and its last weights scored."""


@app.command()
def command(
    out: Annotated[Path, typer.Option(help="Folder for runs/, table.md and table.csv; given again, it goes on there.")],
    data: Annotated[list[str] | None, typer.Option(help="Repeatable. Default: the built-in scenes.")] = None,
    task: Annotated[
        str, typer.Option(help="nir2rgb, or gray2rgb: the grey picture is made from the colours.")
    ] = "nir2rgb",
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME, NAME+OPTION, a YAML file of settings, or a folder of these; repeatable. Default: all."
        ),
    ] = None,
    against: Annotated[
        str | None, typer.Option(help="Method that the others are compared with, picture by picture; trained first.")
    ] = None,
    split: Annotated[str, typer.Option(help="test; or val, to choose among ideas without a look at test.")] = "test",
    minutes: Annotated[float, typer.Option(help="Training time of each model.")] = 15.0,
    steps: Annotated[list[str] | None, typer.Option(help="Instead of minutes: N, or METHOD=N; repeatable.")] = None,
    preset: Annotated[str, typer.Option(help="Of every model.")] = "small",
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train and score one model after the other. Let nothing else run meanwhile; given again, it goes on."""
    from nirgan.files import write_whole
    from nirgan.reporting.series import check_same_pictures, run_in_turn, score_once, settings_of, train_once
    from nirgan.reporting.series_tables import CHECKPOINTS
    from nirgan.reporting.sheets import csv_table

    check_choices(task, split)
    check_no_other_table(out, split)
    # The settings of tables that were made before there were tasks say nothing of them, and can be gone on with.
    common = {"preset": preset, "data": data or [], "seed": seed} | ({} if task == "nir2rgb" else GREY)
    given = settings_of(list(methods_of(model) or models_for(task)), common, minutes=minutes, steps=steps or ())
    names = first_of_all(against, list(given))

    def measure(name: str) -> dict[str, Any]:
        training = train_once(out / "runs" / name, given[name])
        scored = {
            weights: score_once(
                out / "runs" / name / "checkpoints" / weights, evaluation(out, name, weights, split), split=split
            )
            for weights in CHECKPOINTS
        }
        return {"training": training, **scored}

    def write(results: Results) -> None:
        check_same_pictures(result[weights] for result in results.values() for weights in CHECKPOINTS)
        tables = tables_of(results, task)
        best = {name: evaluation(out, name, "best", split) for name in results}
        write_whole(out / "table.md", "\n".join(markdown(tables, TITLES[task], against, best)).encode())
        write_whole(out / "table.csv", csv_table(list(tables.records())).encode())

    if run_in_turn(names, measure, write, say=say):
        raise typer.Exit(1)


def check_choices(task: str, split: str) -> None:
    """Raise NirganError for a task or a split that there is not."""
    if task not in TITLES:
        raise NirganError(f"--task {task}: give {' or '.join(TITLES)}")
    if split not in CHOSEN:
        raise NirganError(f"--split {split}: give {' or '.join(CHOSEN)}")


def check_no_other_table(out: Path, split: str) -> None:
    """Raise NirganError if ``out`` holds the table of another split, which this one would replace."""
    path = out / "table.csv"
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines()) if path.is_file() else ()
    there = {row["split"] for row in rows if row.get("split")}  # a table of former days does not say
    if there - {split}:
        raise NirganError(f"{path}: scores of the {', '.join(there)} split; give another --out for --split {split}")


def methods_of(given: Sequence[str] | None) -> Iterator[str]:
    """What was asked for, with the files of folders in place of these, unless a folder has the name of a model."""
    from nirgan.models import list_models

    for method in given or ():
        if method in list_models() or not Path(method).is_dir():
            yield method
        elif files := sorted(Path(method).glob("*.yaml")):
            yield from map(str, files)
        else:
            raise NirganError(f"--model {method}: the folder has no .yaml files")


def models_for(task: str) -> list[str]:
    """Every recipe that needs registered pairs and no more; for NIR pix2pix with a registration network beside it."""
    from nirgan.data.sample import LABEL
    from nirgan.models import list_models, recipe_class

    def fits(name: str) -> bool:
        recipe = recipe_class(name)
        return task in recipe.tasks and "registered" in recipe.pairings and set(recipe.fields) <= {LABEL}

    return sorted([*filter(fits, list_models()), *(["pix2pix+registration"] if task == "nir2rgb" else [])])


def first_of_all(against: str | None, names: Sequence[str]) -> list[str]:
    """The names, the one that the others are compared with at their head."""
    from nirgan.errors import nearest

    if against is None:
        return list(names)
    if against not in names:
        raise NirganError(f"--against {against}: it is not among the models{nearest(against, names)}")
    return [against, *(name for name in names if name != against)]


def evaluation(out: Path, name: str, weights: str, split: str) -> Path:
    """Folder with the scores of a method: where `nirgan compare` finds those of the best weights."""
    return out / "runs" / name / "evaluation" / (split if weights == "best" else f"{weights}-{split}")


def tables_of(results: Results, task: str) -> SeriesTables:
    """Tables with the metrics of the task."""
    from nirgan.reporting.series_tables import SeriesTables
    from nirgan.reporting.sheets import SHOWN, SHOWN_OF_GREY

    return SeriesTables(results, SHOWN if task == "nir2rgb" else SHOWN_OF_GREY)


def markdown(tables: SeriesTables, title: str, against: str | None, best: Mapping[str, Path]) -> Iterator[str]:
    """Headings, words and tables."""
    yield f"# {title}: all trained alike\n"
    yield tables.conditions()
    yield CHOSEN[tables.split]
    yield tables.whole()
    if against and against not in best:
        yield f"Nothing stands beside `{against}`: it failed, and was left out.\n"
    compared = against if against in best and len(best) > 1 else None
    if compared:
        yield f"## Beside `{against}`\n\nBest weights, model minus `{against}`, picture by picture.\n"
        yield tables.beside(compared, best)
    yield "## Beside the plain copy of the source\n\nModel minus copy, picture by picture.\n"
    yield tables.beside_copy()
    yield "## Training\n"
    yield tables.trainings()
    if parts := tables.by_category():
        yield "## By category\n\nMeans; models with their best weights.\n"
        yield parts
        if compared:
            yield f"## Beside `{against}`, by category\n\nBest weights, model minus `{against}`, picture by picture.\n"
            yield tables.beside_by_category(compared, best)


if __name__ == "__main__":
    run(app, "run.py")
