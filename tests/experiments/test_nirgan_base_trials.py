"""The program of nirgan-base's ablation: trials from files, scored on the validation split alone."""

from __future__ import annotations

import csv
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import Ended

from nirgan.config import resolve_config
from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError
from nirgan.models import create_model
from nirgan.reporting.files import read_results

FOLDER = Path(__file__).parents[2] / "experiments" / "nirgan-base"
OUT = Path("ablation")
COMMON = {"preset": "small", "task": "nir2rgb", "data": [], "seed": 0, "minutes": 1.0}


@pytest.fixture(scope="module")
def program_names() -> dict[str, Any]:
    return runpy.run_path(str(FOLDER / "run.py"))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Ten pairs: six to train, two to validate, two to test."""
    write_scenes(tmp_path / "pairs", 10, size=(36, 40))
    names = sorted(path.stem for path in (tmp_path / "pairs" / "nir").iterdir())
    splits = ["train"] * 6 + ["val"] * 2 + ["test"] * 2
    rows = [f"pairs,{name},field,,{split}" for name, split in zip(names, splits, strict=True)]
    (tmp_path / "pairs" / "split.csv").write_text("\n".join(["set,name,category,scene,split", *rows]) + "\n")
    return tmp_path / "pairs"


@pytest.fixture
def ablation(program: Callable[..., Ended], pairs: Path) -> Callable[..., Ended]:
    def call(*args: object) -> Ended:
        return program("nirgan-base", "--preset", "tiny", "--steps", 1, "--data", pairs, "--out", OUT, *args)

    return call


def trial(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text)
    return path


def test_every_trial_is_a_run_and_can_be_built(program_names: dict[str, Any]) -> None:
    names = program_names["all_trials"]()
    assert {"twin", "pix2pix", "angular", "half-size"} <= set(names)
    settings = program_names["settings_of_trials"](names, COMMON)
    assert list(settings) == names
    for name, given in settings.items():
        config = resolve_config(given, where=name)
        with torch.device("meta"):
            create_model(config.model, task=config.task, crop=config.crop, **config.options)


def test_a_trial_differs_from_the_twin_in_something(program_names: dict[str, Any]) -> None:
    names = [name for name in program_names["all_trials"]() if name != "twin"]
    settings = program_names["settings_of_trials"](["twin", *names], COMMON)
    resolved = [resolve_config(given) for given in settings.values()]
    assert all(one != other for n, one in enumerate(resolved) for other in resolved[:n])


def test_the_twin_has_l1_and_ssim_alone(program_names: dict[str, Any]) -> None:
    config = resolve_config(program_names["settings_of_trials"](["twin"], COMMON)["twin"])
    weights = {name: value for name, value in config.options.items() if name.startswith("lambda_")}
    assert {name for name, value in weights.items() if value} == {"lambda_l1", "lambda_ssim"}


def test_trains_scores_and_compares(ablation: Callable[..., Ended]) -> None:
    direct = trial("drawn.yaml", "model: nirgan-base\noptions: {head: direct, lambda_angular: 0.0}\n")
    done = ablation("--trial", "angular", "--trial", direct)
    assert done.code == 0, done.err
    with (OUT / "table.csv").open() as file:
        rows = {(row["trial"], row["weights"]): row for row in csv.DictReader(file) if not row["category"]}
    trials = ("twin", "angular", "drawn")
    assert set(rows) == {
        *((name, weights) for name in trials for weights in ("best", "last")),
        ("baseline copy", ""),
        ("baseline lookup", ""),
    }
    results = read_results(OUT / "runs" / "angular" / "evaluation" / "last-val").summary
    assert results["split"] == "val"
    assert results["count"] == 2
    assert float(rows["angular", "last"]["ae"]) == results["metrics"]["ae"]["mean"]
    text = (OUT / "table.md").read_text()
    assert not list(OUT.glob("runs/*/evaluation/*test*"))
    assert "## Beside `twin`" in text
    assert text.count("| angular |") == 2  # what it differs by, and its training
    assert "1 steps of training each, preset tiny, seed 0. Protocol nirgan-1 on 2 pictures" in text


def test_given_again_nothing_is_done_again(ablation: Callable[..., Ended]) -> None:
    assert ablation("--trial", "twin").code == 0
    files = [OUT / "runs/twin/checkpoints/last/weights.safetensors", OUT / "runs/twin/evaluation/best-val/metrics.json"]
    before = [path.stat().st_mtime_ns for path in files]
    assert ablation("--trial", "twin", "--trial", "chroma").code == 0
    assert [path.stat().st_mtime_ns for path in files] == before
    assert "| chroma last |" in (OUT / "table.md").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("model: nirgan-base\nsteps: 3\n", "steps must be alike in all trials"),
        ("model: nirgan-base\noptions: {lambda_edgy: 1.0}\n", "did you mean 'lambda_edge'"),
    ],
)
def test_a_trial_that_cannot_be_is_refused_before_any_training(
    text: str, words: str, ablation: Callable[..., Ended]
) -> None:
    Path("made.yaml").write_text(text)
    assert words in ablation("--trial", "made.yaml").refused
    assert not OUT.exists()


def test_an_unknown_trial_is_refused(program_names: dict[str, Any]) -> None:
    with pytest.raises(NirganError, match="did you mean 'angular'"):
        program_names["settings_of_trials"](["angulr"], COMMON)
