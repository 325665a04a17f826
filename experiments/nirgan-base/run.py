"""The ablation of nirgan-base: one trial after the other, all for the same time, scored on the validation split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nirgan.cli.app import run
from nirgan.cli.output import say

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

TRIALS = Path(__file__).parent / "trials"
SHARED = ("preset", "task", "data", "seed", "minutes", "steps", "epochs")
"""Settings that a trial may not have: what differs between two trials is what they are compared for."""
CHECKPOINTS = ("best", "last")
"""Weights that are scored. Validation chose the best among those of one trial; the last were not chosen at all."""

Results = Mapping[str, Mapping[str, Any]]
"""By trial: `training`, and what each of `CHECKPOINTS` scored."""


@app.command()
def command(
    out: Annotated[Path, typer.Option(help="Folder for runs/, table.md and table.csv; given again, it goes on there.")],
    data: Annotated[list[str] | None, typer.Option(help="Pairs; repeatable. Default: the built-in scenes.")] = None,
    trial: Annotated[
        list[str] | None, typer.Option(help="Name in trials/ or a YAML file; repeatable. Default: all of trials/.")
    ] = None,
    against: Annotated[str, typer.Option(help="Trial that the others are compared with, picture by picture.")] = "twin",
    task: Annotated[str, typer.Option(help="nir2rgb or gray2rgb.")] = "nir2rgb",
    minutes: Annotated[float, typer.Option(help="Training time of each trial.")] = 5.0,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each trial, instead of minutes.")] = None,
    preset: Annotated[str, typer.Option(help="Of every trial's model.")] = "small",
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train each trial and score it on `val`; the test split is never looked at. Given again, it goes on."""
    from nirgan.files import write_whole
    from nirgan.reporting.series import check_same_pictures, run_in_turn, score_once, train_once
    from nirgan.reporting.sheets import csv_table

    limit = {"minutes": minutes} if steps is None else {"steps": steps}
    common = {"preset": preset, "task": task, "data": data or [], "seed": seed, **limit}
    given = settings_of_trials([against, *(trial or all_trials())], common)

    def measure(name: str) -> dict[str, Any]:
        folder = out / "runs" / name
        training = train_once(folder, given[name])
        scored = {
            weights: score_once(folder / "checkpoints" / weights, evaluation(out, name, weights), split="val")
            for weights in CHECKPOINTS
        }
        return {"training": training, **scored}

    def write(results: Results) -> None:
        check_same_pictures(result[weights] for result in results.values() for weights in CHECKPOINTS)
        write_whole(out / "table.md", "\n".join(markdown(results, out)).encode())
        write_whole(out / "table.csv", csv_table(list(records(results))).encode())

    if run_in_turn(list(given), measure, write, say=say):
        raise typer.Exit(1)


def all_trials() -> list[str]:
    """Names of the trials that come with this program."""
    return sorted(path.stem for path in TRIALS.glob("*.yaml"))


def settings_of_trials(trials: Sequence[str], common: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings by name of each trial, once and in this order, checked before the first is trained.

    Raises:
        NirganError: for a trial that there is not, one that says what all share, and as ``resolve_config``.
    """
    from nirgan.config import read_yaml, resolve_config
    from nirgan.config.load import merge
    from nirgan.errors import NirganError, nearest

    settings: dict[str, dict[str, Any]] = {}
    for trial in trials:
        path = Path(trial) if trial.endswith((".yaml", ".yml")) else TRIALS / f"{trial}.yaml"
        if not path.is_file():
            raise NirganError(f"trial '{trial}': there is no {path}{nearest(trial, all_trials())}")
        own = read_yaml(path)
        if shared := [key for key in SHARED if key in own]:
            raise NirganError(f"{path}: {', '.join(shared)} must be alike in all trials: give it as an option")
        settings[path.stem] = merge(own, common)
        resolve_config(settings[path.stem], where=str(path))
    return settings


def evaluation(out: Path, name: str, weights: str) -> Path:
    """Folder with the scores of a trial."""
    return out / "runs" / name / "evaluation" / f"{weights}-val"


Line = tuple[str, str, str, Mapping[str, Any]]
"""Trial or baseline, weights (none of a baseline), category (none: all pictures), and what was scored."""


def lines(results: Results) -> Iterator[Line]:
    """Every line of the CSV; baselines, which all trials share, once and at the end."""
    for name, result in results.items():
        for weights in CHECKPOINTS:
            for category, group in {"": result[weights], **result[weights]["categories"]}.items():
                yield name, weights, category, group
    first = next(iter(results.values()))["best"]
    for category, group in {"": first, **first["categories"]}.items():
        for baseline, metrics in group["baselines"].items():
            yield f"baseline {baseline}", "", category, {"count": group["count"], "metrics": metrics}


def markdown(results: Results, out: Path) -> Iterator[str]:
    """Headings, words and tables; the first trial is the one that others are compared with."""
    from nirgan.reporting.compare import compare
    from nirgan.reporting.files import read_results
    from nirgan.reporting.sheets import conditions, differences, headings, markdown_table, scores, training_table

    against, *others = results
    columns = ["trial", *headings()]
    yield "# Ideas of nirgan-base, one at a time\n"
    yield conditions(results[against]["training"]["settings"], results[against]["best"])
    yield "Validation split. `best` was chosen on pictures of the same split, `last` was not chosen.\n"
    whole = [line for line in lines(results) if not line[2]]
    yield markdown_table(
        columns, ([f"{name} {weights}".strip(), *scores(of["metrics"])] for name, weights, _, of in whole)
    )
    if others:
        yield f"## Beside `{against}`\n\nBest weights, trial minus `{against}`, picture by picture.\n"
        compared = compare([read_results(evaluation(out, name, "best")) for name in results])["runs"][1:]
        rows = [[name, *differences(of["difference"])] for name, of in zip(others, compared, strict=True)]
        yield markdown_table(columns, rows)
    yield "## Training\n"
    yield training_table({name: result["training"] for name, result in results.items()})


def records(results: Results) -> Iterator[dict[str, Any]]:
    """Rows of the CSV: all lines, with the facts of the training and the hash of the weights."""
    from nirgan.reporting.sheets import plain

    for name, weights, category, group in lines(results):
        row = {"trial": name, "weights": weights, "category": category, "pictures": group["count"]}
        if weights:
            of, training = results[name][weights]["weights"], results[name]["training"]
            row |= {"step": of["step"], "hash": of["hash"], **{k: v for k, v in training.items() if k != "settings"}}
        yield row | plain(group["metrics"])


if __name__ == "__main__":
    run(app, "run.py")
