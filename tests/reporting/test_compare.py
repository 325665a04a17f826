"""Runs side by side."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from nirgan.errors import NirganError
from nirgan.metrics.catalogue import is_scored
from nirgan.reporting.compare import compare
from nirgan.reporting.evaluate import PictureScores
from nirgan.reporting.files import read_results, write_results
from nirgan.reporting.score_weights import score_weights
from nirgan.reporting.tables import (
    category_table,
    comparison_table,
    difference_table,
    footnotes,
    result_table,
    verdict,
)


@pytest.fixture
def two(make_run: Callable[..., Path]) -> tuple[Path, Path]:
    """Two evaluated runs: the right tint, and one that is too dark."""
    runs = make_run("right"), make_run("dark", colour=(0.6, 0.4, 0.2))
    for run in runs:
        score_weights(run)
    return runs


def shown(table: object) -> str:
    console = Console(width=250, file=io.StringIO())
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_differences_are_of_the_same_pictures(two: tuple[Path, Path]) -> None:
    results = [read_results(run) for run in two]
    comparison = compare(results)
    assert [Path(run["name"]).name for run in comparison["runs"]] == ["right", "dark"]
    assert comparison["count"] == 3
    difference = comparison["runs"][1]["difference"]["psnr"]
    expected = [results[1].scores[key]["psnr"] - results[0].scores[key]["psnr"] for key in results[0].scores]
    assert difference["mean"] == pytest.approx(np.mean(expected))
    assert difference["high"] < 0
    assert "worse" in shown(comparison_table(comparison))
    assert comparison["notes"] == []
    assert comparison["runs"][1]["difference"]["ae"]["mean"] == pytest.approx(0, abs=0.5)  # a gain turns no colour


def test_each_category_is_compared_on_its_own_pictures(tmp_path: Path) -> None:
    summary = {"protocol": "nirgan-1", "task": "nir2rgb", "metrics": {"psnr": {}}}
    psnrs = {"one": (10.0, 20.0, 30.0), "other": (11.0, 20.5, 32.5)}
    for name, values in psnrs.items():
        categories = ("field", "urban", "urban")
        pictures = [
            PictureScores(f"set/{n}", category, {"model": {"psnr": value}}, 0.0)
            for n, (category, value) in enumerate(zip(categories, values, strict=True))
        ]
        write_results(tmp_path / name, summary, pictures)
    (_, run) = compare([read_results(tmp_path / name) for name in psnrs])["runs"]
    assert run["difference"]["psnr"]["mean"] == pytest.approx(4 / 3)
    assert {name: group["count"] for name, group in run["categories"].items()} == {"field": 1, "urban": 2}
    assert run["categories"]["field"]["difference"]["psnr"]["mean"] == pytest.approx(1.0)
    assert run["categories"]["urban"]["difference"]["psnr"]["mean"] == pytest.approx(1.5)


def test_other_files_of_the_same_names_are_noted(two: tuple[Path, Path], pairs: Path) -> None:
    truth = next(path for path in sorted((pairs / "rgb").iterdir()) if "5" in path.stem)
    truth.write_bytes((pairs / "rgb" / f"{int(truth.stem) - 1:04d}.png").read_bytes())
    score_weights(two[1])
    (note,) = compare([read_results(run) for run in two])["notes"]
    assert "not the same files" in note


def test_the_last_weights_leave_the_scores_of_the_best(two: tuple[Path, Path]) -> None:
    run = two[0]
    shutil.copytree(run / "checkpoints" / "best", run / "checkpoints" / "last")
    before = (run / "evaluation" / "test" / "metrics.json").read_bytes()
    out = score_weights(run / "checkpoints" / "last")[0]["out"]
    assert Path(out) == run / "evaluation" / "last-test"
    assert (run / "evaluation" / "test" / "metrics.json").read_bytes() == before


def test_an_ensemble_has_its_own_folder_and_is_noted(two: tuple[Path, Path]) -> None:
    run = two[0]
    mean, plain = score_weights(run, ensemble=4)[0], read_results(run)
    assert Path(mean["out"]) == run / "evaluation" / "test-ensemble4"
    assert (plain.summary["ensemble"], mean["ensemble"]) == (1, 4)
    assert any("mean over 4 symmetries" in note for note in mean["notes"])
    # The recipe sees points alone, so that its ensemble answers the same, but for rounding to 8 bits.
    assert mean["metrics"]["psnr"]["mean"] == pytest.approx(plain.summary["metrics"]["psnr"]["mean"], abs=0.01)
    (note,) = compare([plain, read_results(Path(mean["out"]))])["notes"]
    assert "ensembles of 1 and 4 symmetries" in note


def test_other_pictures_tasks_and_protocols_are_refused(two: tuple[Path, Path]) -> None:
    right, dark = two
    score_weights(dark, split="val")
    folder = dark / "evaluation" / "val"
    with pytest.raises(NirganError, match=r"3 only in .*right \(pairs/0005.*1 only in .*val"):
        compare([read_results(right), read_results(folder)])
    file = dark / "evaluation" / "test" / "metrics.json"
    summary = json.loads(file.read_text())
    for key, other in (("protocol", "nirgan-0"), ("task", "gray2rgb")):
        file.write_text(json.dumps(summary | {key: other}))
        with pytest.raises(NirganError, match=f"the {key} is .* and {other} there"):
            compare([read_results(right), read_results(dark)])


def test_missing_and_damaged_results_are_refused(two: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="nirgan evaluate --weights"):
        read_results(tmp_path)
    (two[0] / "evaluation" / "test" / "per_image.csv").write_text("key,psnr\npairs/0005,lots\n")
    with pytest.raises(NirganError, match="damaged results"):
        read_results(two[0])


def test_results_read_back_are_exact(make_run: Callable[..., Path]) -> None:
    run = make_run()
    summary, _ = score_weights(run)
    results = read_results(run)
    mean = np.mean([scores["psnr"] for scores in results.scores.values()])
    assert mean == summary["metrics"]["psnr"]["mean"]


def test_results_of_names_with_line_ends_read_back(tmp_path: Path) -> None:
    keys = ["s/a\rb", "s/a\nb", "s/plain"]
    pictures = [PictureScores(key, "", {"model": {"psnr": 20.5}}, 0.0) for key in keys]
    write_results(tmp_path, {"metrics": {"psnr": {}}}, pictures)
    assert read_results(tmp_path).scores == {key: {"psnr": 20.5} for key in keys}


def test_tables_show_every_metric_and_what_is_missing(two: tuple[Path, Path]) -> None:
    summary = read_results(two[0]).summary
    table = shown(result_table(summary))
    assert all((metric in table) == is_scored(metric, "nir2rgb") for metric in summary["metrics"])
    assert all(column in table for column in ("model", "copy", "lookup"))
    differences = shown(difference_table(summary))
    assert all(word in differences for word in ("model − copy", "model − lookup", "better"))
    assert "lpips" not in differences or summary["metrics"]["lpips"]["mean"] is not None
    categories = category_table(summary)
    assert categories is not None
    assert "urban" in shown(categories)
    assert any(note.startswith("lpips: ") for note in footnotes(summary, summary["metrics"])) == (
        summary["metrics"]["lpips"]["mean"] is None
    )


@pytest.mark.parametrize(
    ("metric", "low", "high", "word"),
    [
        ("psnr", 0.1, 2, "better"),
        ("psnr", -2, -0.1, "worse"),
        ("psnr", -0.1, 0.2, ""),
        ("ae", 0.1, 2, "worse"),
        ("delta_e", -2, -1, "better"),
        ("colourfulness_gap", 1, 2, ""),
    ],
)
def test_a_verdict_needs_the_whole_interval(metric: str, low: float, high: float, word: str) -> None:
    assert verdict(metric, {"mean": (low + high) / 2, "low": low, "high": high}) == word
