"""What misaligned pairs cost: models trained on scenes whose NIR picture is shifted, scored on aligned ones."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from nirgan.cli.app import run
from nirgan.cli.output import say
from nirgan.errors import NirganError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

MODELS = ("pix2pix", "pix2pix+registration", "asym-cyclegan")
SHIFTS = (0.0, 4.0, 16.0)
TEST_SEED = 1_000_000
"""Added to the seed for the scenes that score: training never saw them."""

Results = Mapping[str, Mapping[str, Any]]
"""By case, a model at a shift: `model`, `shift`, `training`, `scored`, and the `folder` of its scores."""


@app.command()
def command(
    out: Annotated[Path, typer.Option(help="Folder for scenes, runs, table and plot; given again, it goes on there.")],
    model: Annotated[list[str] | None, typer.Option(help=f"Repeatable. Default: {', '.join(MODELS)}.")] = None,
    shift: Annotated[list[float] | None, typer.Option(help="Pixels; repeatable. Default: 0, 4 and 16.")] = None,
    minutes: Annotated[float, typer.Option(help="Training time of each model at each shift.")] = 5.0,
    steps: Annotated[list[str] | None, typer.Option(help="Instead of minutes: N, or METHOD=N; repeatable.")] = None,
    preset: Annotated[str, typer.Option(help="Of every model.")] = "small",
    scenes: Annotated[int, typer.Option(min=2, help="Pairs to learn from.")] = 240,
    test_scenes: Annotated[int, typer.Option(min=1, help="Aligned pairs to score.")] = 60,
    size: Annotated[int, typer.Option(help="Side of the scenes in pixels, at least the crop.")] = 320,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Train and score each model at each shift. Let nothing else run meanwhile; given again, it goes on."""
    from nirgan.files import write_whole
    from nirgan.reporting.series import run_in_turn, score_once, settings_of, train_once
    from nirgan.reporting.sheets import csv_table

    new_figure()  # what is missing is said now, not after the first training
    # All are told that the pairs are registered: the question is what it costs when they are not. None is kept to test.
    common = {"preset": preset, "seed": seed, "pairing": "registered", "dataset": {"test_share": 0.0}}
    given = settings_of(model or MODELS, common, minutes=minutes, steps=steps or ())
    cases = {f"{name} at {px:g} px": (name, px) for px in shift or SHIFTS for name in given}

    def measure(case: str) -> dict[str, Any]:
        name, px = cases[case]
        pairs = scenes_once(out / "scenes", scenes, size, seed, px)
        truth = scenes_once(out / "scenes", test_scenes, size, seed + TEST_SEED)
        folder = out / "runs" / f"{name}-{px:g}px"
        training = train_once(folder, {**given[name], "data": [str(pairs)]})
        # The last weights: the best are chosen by validation, whose pairs are as misaligned as those of training.
        scores = folder / "evaluation" / truth.name
        scored = score_once(folder / "checkpoints" / "last", scores, [str(truth)], "all")
        return {"model": name, "shift": px, "training": training, "scored": scored, "folder": scores}

    def write(results: Results) -> None:
        write_whole(out / "table.md", "\n".join(markdown(results)).encode())
        write_whole(out / "table.csv", csv_table(list(records(results))).encode())
        write_whole(out / "plot.png", plot(results))

    if run_in_turn(list(cases), measure, write, say=say):
        raise typer.Exit(1)


def scenes_once(folder: Path, count: int, size: int, seed: int, px: float = 0.0) -> Path:
    """A folder of scenes, named by what it holds, that is written whole or not at all, and once."""
    from nirgan.data.synth import write_scenes

    scenes = folder / f"shift-{px:g}-seed-{seed}-{count}x{size}"
    if not scenes.is_dir():
        part = scenes.with_name(f"{scenes.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        write_scenes(part, count, size=(size, size), seed=seed, shift_px=px)
        part.rename(scenes)
    return scenes


def markdown(results: Results) -> Iterator[str]:
    """Headings, words and tables."""
    from nirgan.reporting.sheets import conditions, differences, headings, markdown_table, scores, training_table

    first = next(iter(results.values()))
    yield "# What misaligned training pairs cost\n"
    yield conditions([result["training"]["settings"] for result in results.values()], first["scored"])
    yield "Training: scenes whose NIR picture is shifted, each in a direction of its own. Scores: on aligned scenes.\n"
    rows = [[name, f"{px:g}", *scores(metrics)] for name, px, metrics in lines(results)]
    yield markdown_table(["model", "shift, px", *headings()], rows)
    rows = [[name, f"{px:g}", *differences(metrics)] for name, px, metrics in lost(results)]
    if rows:
        yield "## Beside the same model trained on aligned pairs\n\nPicture by picture.\n"
        yield markdown_table(["model", "shift, px", *headings()], rows)
    yield "## Training\n"
    yield training_table({case: result["training"] for case, result in results.items()})


Line = tuple[str, float, Mapping[str, Any]]
"""Model or baseline, shift, and scores or differences by metric."""


def lines(results: Results) -> Iterator[Line]:
    """The plain copy, which does not train; then each shift's models, and the lookup table of its shifted pairs."""
    by_shift: dict[float, list[Mapping[str, Any]]] = {}
    for result in results.values():
        by_shift.setdefault(result["shift"], []).append(result)
    yield "baseline copy", 0.0, next(iter(results.values()))["scored"]["baselines"]["copy"]
    for px, same in by_shift.items():
        yield from ((result["model"], px, result["scored"]["metrics"]) for result in same)
        yield "baseline lookup", px, same[0]["scored"]["baselines"]["lookup"]


def lost(results: Results) -> Iterator[Line]:
    """Differences of each case to the same model's at shift 0, where there is one."""
    from nirgan.reporting.compare import compare
    from nirgan.reporting.files import read_results

    aligned = {result["model"]: result["folder"] for result in results.values() if not result["shift"]}
    for result in results.values():
        if result["shift"] and result["model"] in aligned:
            both = compare([read_results(folder) for folder in (aligned[result["model"]], result["folder"])])
            yield result["model"], result["shift"], both["runs"][1]["difference"]


def records(results: Results) -> Iterator[dict[str, Any]]:
    """Rows of the CSV."""
    from nirgan.reporting.sheets import plain

    trainings = {(result["model"], result["shift"]): result for result in results.values()}
    for name, px, metrics in lines(results):
        row: dict[str, Any] = {"model": name, "shift_px": px}
        if (result := trainings.get((name, px))) is not None:
            facts = {key: value for key, value in result["training"].items() if key != "settings"}
            row |= {"hash": result["scored"]["weights"]["hash"], **facts}
        yield row | plain(metrics)


def new_figure() -> Any:
    """An empty figure of matplotlib, which needs no screen."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise NirganError("matplotlib draws the plot: pip install 'nirgan[report]'") from None
    return Figure(figsize=(10, 7), layout="constrained")


def plot(results: Results) -> bytes:
    """A PNG: scores by shift, a line for each model, with intervals; the plain copy as a dashed line."""
    from nirgan.reporting.sheets import SHOWN
    from nirgan.reporting.tables import label

    figure = new_figure()
    copy = next(iter(results.values()))["scored"]["baselines"]["copy"]
    for axes, metric in zip(figure.subplots(2, 2).flat, SHOWN[1:], strict=True):
        for name in dict.fromkeys(result["model"] for result in results.values()):
            own = [result for result in results.values() if result["model"] == name]
            points = [(result["shift"], result["scored"]["metrics"][metric]) for result in own]
            x, y = [px for px, _ in points], [score["mean"] for _, score in points]
            below, above = ([abs(score["mean"] - score[end]) for _, score in points] for end in ("low", "high"))
            axes.errorbar(x, y, yerr=(below, above), marker="o", capsize=3, label=name)
        axes.axhline(copy[metric]["mean"], color="grey", linestyle="--", label="copy of NIR")
        axes.set(xlabel="shift of the training pairs, px", ylabel=label(metric))
        axes.grid(alpha=0.3)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return png.getvalue()


if __name__ == "__main__":
    run(app, "run.py")
