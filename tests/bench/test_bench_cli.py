"""``nirgan bench`` as it is typed."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from nirgan.bench import loader, turns
from nirgan.bench import run as bench_run
from nirgan.cli import bench
from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError

QUICK = ("--preset", "tiny", "--repeat", "2", "--device", "cpu")


def in_process(*args: object) -> Any:
    app = typer.Typer()
    app.command()(bench.command)
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small scenes, small products and short measurements."""
    quick = partial(bench_run.run_bench, scene_size=(48, 64), picture_size=(64, 96))
    monkeypatch.setattr(bench_run, "run_bench", quick)
    monkeypatch.setattr(bench_run, "matrix_rate", lambda runtime, dtype: 100.0)
    monkeypatch.setattr(turns, "LONG_ENOUGH", 0.01)
    monkeypatch.setattr(loader, "WORKERS", (0,))


def test_json_is_one_object_with_every_model(small: None) -> None:
    models = ("--model", "pix2pix", "--model", "asym-cyclegan")
    result = in_process(*QUICK, *models, "--part", "step", "--part", "loader", "--batch-size", 3, "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["matrix_gflop_per_s"] == {"32": 100.0, "bf16": 100.0}
    assert set(told) >= {"device", "threads", "versions", "rounds"}
    assert [model["model"] for model in told["models"]] == ["pix2pix", "asym-cyclegan"]
    for model in told["models"]:
        assert model["batch_size"] == model["step"]["images"] == 3
        share = model["step"]["gflop_per_s"]["nirgan"] / 100
        assert model["step"]["share_of_matrix_rate"]["nirgan"] == pytest.approx(share)
        assert model["loader"]["pictures"] == 18  # 16, made a multiple of the batch
        assert "translate" not in model
        assert "start" not in model


def test_tables_show_ways_options_and_operators(small: None) -> None:
    options = ("--set", "options.n_res=2", "--set", "options.width=4", "--precision", "bf16", "--operators")
    result = in_process(*QUICK, "--model", "asym-cyclegan", "--part", "step", *options)
    assert result.exit_code == 0
    for words in ("nirgan", "naive", "reference", "asym-cyclegan tiny (batch 2, 32 px, bf16)", "aten::"):
        assert words in result.stdout
    told = in_process(*QUICK, "--model", "asym-cyclegan", "--part", "loader", *options[:4], "--json")
    assert json.loads(told.stdout)["models"][0]["options"]["n_res"] == 2


def test_given_pairs_are_loaded(small: None, tmp_path: Path) -> None:
    write_scenes(tmp_path / "pairs", 5, size=(40, 40))
    result = in_process(*QUICK, "--part", "loader", "--data", tmp_path / "pairs", "--json")
    (model,) = json.loads(result.stdout)["models"]
    assert model["loader"]["pictures"] == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--part", "steps"], "did you mean 'step'"),
        (["--model", "pix2pixx"], "did you mean 'pix2pix'"),
        (["--set", "options.n_ress=9", "--model", "asym-cyclegan"], "did you mean 'n_res'"),
        (["--set", "accumulate=2"], "accumulate"),
        (["--crop", "33"], "crop 33"),
    ],
)
def test_wrong_use_is_refused_in_words(small: None, arguments: list[str], words: str) -> None:
    with pytest.raises(NirganError, match=words):
        in_process("--preset", "tiny", *arguments)


@pytest.mark.slow
def test_every_part_is_measured_in_processes_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nirgan", "bench", *QUICK, "--repeat", "1", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (model,) = json.loads(done.stdout)["models"]
    (case,) = model["translate"]
    assert list(case["seconds_per_megapixel"]) == ["auto", "whole", "tiled", "conventional"]
    assert case["failed"] == {}
    # 1024×768 with 8 channels at half the sides: a few hundred kilobytes a layer in tiles, megabytes for the whole.
    assert 5 < case["peak_mib"]["tiled"] < 500
    assert 5 < case["peak_mib"]["conventional"] < 500
    seconds = model["start"]["seconds"]
    assert list(seconds) == ["import", "data", "build", "set up", "first step", "all"]
    parts = sum(value["median"] for name, value in seconds.items() if name != "all")
    assert seconds["all"]["median"] == pytest.approx(parts)
    assert not (tmp_path / "runs").exists()
