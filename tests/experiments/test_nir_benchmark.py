"""The program of the field's table: all models alike, once, with everything a table needs."""

from __future__ import annotations

import csv
import json
import runpy
import signal
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from command_line import Ended

from nirgan.data.synth import write_scenes
from nirgan.models.recipe import At
from nirgan.reporting.compare import compare
from nirgan.reporting.files import read_results
from nirgan.reporting.tables import marked
from nirgan.training.step import Step

OUT = Path("table")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Twelve pairs: eight to train, two to validate, two of two categories to test."""
    write_scenes(tmp_path / "pairs", 12, size=(36, 40))
    names = sorted(path.stem for path in (tmp_path / "pairs" / "nir").iterdir())
    splits = ["train"] * 8 + ["val"] * 2 + ["test"] * 2
    rows = [f"pairs,{name},{'urban' if i % 2 else 'field'},,{splits[i]}" for i, name in enumerate(names)]
    (tmp_path / "pairs" / "split.csv").write_text("\n".join(["set,name,category,scene,split", *rows]) + "\n")
    return tmp_path / "pairs"


def rows_of(out: Path) -> dict[tuple[str, str], dict[str, str]]:
    """Rows of the CSV over all pictures, by model and weights."""
    with (out / "table.csv").open() as file:
        return {(row["model"], row["weights"]): row for row in csv.DictReader(file) if not row["category"]}


@pytest.fixture
def table(program: Callable[..., Ended], pairs: Path) -> Callable[..., Ended]:
    def call(*args: object) -> Ended:
        return program("nir-benchmark", "--preset", "tiny", "--data", pairs, "--out", OUT, *args)

    return call


def test_trains_scores_and_writes_tables(table: Callable[..., Ended]) -> None:
    done = table("--steps", 2, "--model", "pix2pix", "--model", "asym-cyclegan")
    assert done.code == 0, done.err
    with (OUT / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    keys = [(row["model"], row["weights"], row["category"]) for row in rows]
    assert len(set(keys)) == len(keys) == (2 * 2 + 2) * 3
    whole = rows_of(OUT)
    own = whole["asym-cyclegan", "last"]
    results = read_results(OUT / "runs" / "asym-cyclegan" / "evaluation" / "last-test").summary
    assert float(own["ssim_low"]) == results["metrics"]["ssim"]["low"]
    assert (own["pictures"], own["step"], own["steps"], own["images"]) == ("2", "2", "2", "4")
    assert own["hash"] == results["weights"]["hash"]
    assert 0 < int(own["parameters"]) < int(own["parameters_trained"])
    assert float(whole["baseline copy", ""]["psnr"]) == results["baselines"]["copy"]["psnr"]["mean"]
    text = (OUT / "table.md").read_text()
    for words in ("| pix2pix best |", "| asym-cyclegan last |", "| baseline lookup |", "| urban (1) | baseline copy |"):
        assert words in text
    assert "2 steps of training each, preset tiny, seed 0. Protocol nirgan-1 on 2 pictures of the test split" in text
    assert "`best` was chosen by validation during training" in text
    assert {row["split"] for row in rows} == {"test"}


def test_compares_with_one_of_them_on_the_split_that_is_asked_for(table: Callable[..., Ended]) -> None:
    ideas = Path("ideas")
    ideas.mkdir()
    (ideas / "one.yaml").write_text("model: pix2pix\noptions: {lambda_l1: 10.0}\n")
    (ideas / "other.yaml").write_text("model: pix2pix\n")
    done = table("--steps", 1, "--model", ideas, "--model", "asym-cyclegan", "--against", "other", "--split", "val")
    assert done.code == 0, done.err
    assert not list(OUT.glob("runs/*/evaluation/*test*"))
    runs = [OUT / "runs" / name for name in ("other", "one", "asym-cyclegan")]
    expected = compare([read_results(run, "val") for run in runs])["runs"]
    text = (OUT / "table.md").read_text()
    beside = text.split("## Beside `other`")[1].split("##")[0]
    for name, run in zip(("one", "asym-cyclegan"), expected[1:], strict=True):
        assert f"| {name} | {marked('psnr', run['difference']['psnr'])} |" in beside
    by_category = text.split("## Beside `other`, by category")[1]
    assert (
        f"| urban (1) | one | {marked('psnr', expected[1]['categories']['urban']['difference']['psnr'])} |"
        in by_category
    )
    results = read_results(runs[1], "val").summary
    assert (results["split"], results["count"]) == ("val", 2)
    assert float(rows_of(OUT)["one", "best"]["psnr"]) == results["metrics"]["psnr"]["mean"]
    assert "on 2 pictures of the val split" in text
    assert "on pictures of this very split, which flatters it" in text
    refused = table("--steps", 1, "--model", "asym-cyclegan").refused
    assert "table.csv: scores of the val split; give another --out for --split test" in refused
    assert (OUT / "table.md").read_text() == text


def test_wrong_choices_are_refused_before_any_training(table: Callable[..., Ended]) -> None:
    Path("empty").mkdir()
    assert "did you mean 'pix2pix'" in table("--model", "pix2pix", "--against", "pix2pixx").refused
    assert "--split train: give test or val" in table("--model", "pix2pix", "--split", "train").refused
    assert "the folder has no .yaml files" in table("--model", "empty").refused
    assert not OUT.exists()


def test_given_again_trains_only_what_is_new(table: Callable[..., Ended]) -> None:
    assert table("--steps", 1, "--model", "pix2pix").code == 0
    weights = OUT / "runs/pix2pix/checkpoints/last/weights.safetensors"
    scores = OUT / "runs/pix2pix/evaluation/test/metrics.json"
    before = [path.stat().st_mtime_ns for path in (weights, scores)]
    assert table("--steps", 1, "--model", "pix2pix", "--model", "pix2pix+registration").code == 0
    assert [path.stat().st_mtime_ns for path in (weights, scores)] == before
    text = (OUT / "table.md").read_text()
    assert "| pix2pix+registration last |" in text
    assert "registration: true" in (OUT / "runs/pix2pix+registration/config.yaml").read_text()


def test_an_interrupted_model_goes_on(table: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    run_step, seen = Step.run, []

    def interrupted(step: Step, batches: Any, at: At, **arguments: Any) -> Any:
        seen.append(at.step)
        if seen == [0, 1]:
            signal.raise_signal(signal.SIGINT)
        return run_step(step, batches, at, **arguments)

    monkeypatch.setattr(Step, "run", interrupted)
    arguments = ("--steps", 4, "--model", "pix2pix", "--model", "asym-cyclegan")
    assert table(*arguments).code == 130
    assert not (OUT / "table.md").exists()
    assert table(*arguments).code == 0
    assert seen == [0, 1, 2, 3, 0, 1, 2, 3]  # pix2pix in two parts, then the other
    assert json.loads((OUT / "runs/pix2pix/training.json").read_text())["images"] == 8


def test_another_length_of_training_is_refused(table: Callable[..., Ended]) -> None:
    assert table("--steps", 1, "--model", "pix2pix").code == 0
    done = table("--steps", 2, "--model", "pix2pix")
    assert "trained with steps 1, and 2 was asked for: give another --out" in done.failed("pix2pix")


def test_a_model_that_fails_leaves_the_others(table: Callable[..., Ended]) -> None:
    (OUT / "runs" / "pix2pix").mkdir(parents=True)
    (OUT / "runs" / "pix2pix" / "notes.txt").write_text("somebody's")
    done = table("--steps", 1, "--model", "pix2pix", "--model", "asym-cyclegan")
    done.failed("pix2pix")
    assert "| asym-cyclegan last |" in (OUT / "table.md").read_text()


def test_the_others_go_on_without_the_one_that_they_are_compared_with(table: Callable[..., Ended]) -> None:
    (OUT / "runs" / "pix2pix").mkdir(parents=True)
    (OUT / "runs" / "pix2pix" / "notes.txt").write_text("somebody's")
    others = ("mean-color", "gray", "random-color")
    models = [part for name in (*others, "pix2pix") for part in ("--model", name)]
    done = table("--task", "gray2rgb", "--steps", 1, *models, "--against", "pix2pix")
    done.failed("pix2pix")
    text = (OUT / "table.md").read_text()
    assert all(f"| {name} best |" in text for name in others)
    assert "Nothing stands beside `pix2pix`" in text


def test_a_model_counts_before_a_folder_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pix2pix").mkdir()
    program = runpy.run_path(str(Path(__file__).parents[2] / "experiments" / "nir-benchmark" / "run.py"))
    assert list(program["methods_of"](["pix2pix"])) == ["pix2pix"]


def test_an_unknown_model_is_refused_before_any_training(table: Callable[..., Ended]) -> None:
    assert "did you mean 'pix2pix'" in table("--steps", 1, "--model", "asym-cyclegan", "--model", "pix2pixx").refused
    assert not OUT.exists()


def test_takes_every_recipe_for_nir_pairs() -> None:
    program = runpy.run_path(str(Path(__file__).parents[2] / "experiments" / "nir-benchmark" / "run.py"))
    models = program["models_for"]("nir2rgb")
    assert {"asym-cyclegan", "pix2pix", "pix2pix+registration"} <= set(models)
    assert models == sorted(set(models))


def test_takes_every_recipe_for_photographs() -> None:
    program = runpy.run_path(str(Path(__file__).parents[2] / "experiments" / "nir-benchmark" / "run.py"))
    models = program["models_for"]("gray2rgb")
    assert {"colorful", "siggraph17", "iizuka", "koalarization", "larsson", "pix2pix", "cyclegan", "gray"} <= set(
        models
    )
    assert "sc-gan" not in models  # for nir2rgb alone


def test_grey_pictures_have_a_table_of_their_own(program: Callable[..., Ended], pairs: Path) -> None:
    photographs = pairs.parent / "photographs"
    copytree(pairs / "rgb", photographs)
    done = program(
        *("nir-benchmark", "--task", "gray2rgb", "--preset", "tiny", "--steps", 2, "--out", OUT),
        *("--data", photographs, "--model", "colorful", "--model", "mean-color"),
    )
    assert done.code == 0, done.err
    text = (OUT / "table.md").read_text()
    assert text.startswith("# Grey to RGB")
    for words in ("| colorful best |", "| mean-color last |", "| baseline copy |", "acc1 (%)"):
        assert words in text
    rows = rows_of(OUT)
    assert float(rows["colorful", "best"]["acc5"]) >= float(rows["colorful", "best"]["acc1"])
    assert rows["mean-color", "best"]["parameters"] == "0"
    assert program("nir-benchmark", "--task", "rgb2nir", "--out", OUT).code == 2
