"""``nirgan evaluate`` and ``nirgan compare`` as they are typed: streams, exit codes, JSON."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from nirgan.cli import compare, evaluate
from nirgan.config import RunConfig, dump
from nirgan.data.lookup import lookup_table
from nirgan.data.open import open_data
from nirgan.errors import NirganError
from nirgan.models import create_model
from nirgan.models.weights import WeightsInfo, save_weights

TINY = {"width": 4, "levels": 5}


def nirgan(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nirgan", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def in_process(module: ModuleType, *args: object) -> Any:
    """The same command without a new process; errors are raised, as ``main`` turns them into exit codes."""
    app = typer.Typer()
    app.command()(module.command)
    return CliRunner().invoke(app, [str(arg) for arg in args], catch_exceptions=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the untrained pix2pix on six pairs: three train, one val, two test."""
    folder = tmp_path_factory.mktemp("evaluate")
    draw = np.random.default_rng(0)
    for name in range(6):
        nir = draw.integers(0, 250, (24, 30), dtype=np.uint8)
        rgb = np.stack([nir // 3, nir // 2, nir], axis=-1) + draw.integers(0, 9, (24, 30, 3), dtype=np.uint8) // 2
        for side, pixels in (("nir", nir), ("rgb", rgb)):
            (folder / "pairs" / side).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / "pairs" / side / f"{name}.png"), pixels)
    splits = ["train", "train", "train", "val", "test", "test"]
    rows = [f"pairs,{name},{'field' if name == 4 else 'urban'},,{split}" for name, split in enumerate(splits)]
    (folder / "pairs" / "split.csv").write_text("\n".join(["set,name,category,scene,split", *rows]) + "\n")
    _write_run(folder / "run", folder / "pairs")
    return folder / "run"


def _write_run(run: Path, pairs: Path) -> None:
    data = open_data([str(pairs)], task="nir2rgb")
    torch.manual_seed(0)
    recipe = create_model("pix2pix", task="nir2rgb", crop=32, **TINY)
    state = recipe.state_dict()
    info = WeightsInfo(model="pix2pix", task="nir2rgb", crop=32, options=TINY, lookup=lookup_table(data))
    tensors = {name: state[name] for name in recipe.weight_names()}
    save_weights(run / "checkpoints" / "best" / "weights.safetensors", tensors, info)
    config = RunConfig(model="pix2pix", task="nir2rgb", data=[str(pairs)], crop=32, options=TINY)
    (run / "config.yaml").write_text(dump(config))
    data.write_split(run / "split.csv")


def test_json_is_the_contracts_object_and_nothing_else(run: Path, tmp_path: Path) -> None:
    result = in_process(evaluate, "--weights", run, "--data", run.parent / "pairs", "--out", tmp_path / "out", "--json")
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert (summary["protocol"], summary["count"]) == ("nirgan-1", 2)
    for table in (summary["metrics"], summary["baselines"]["copy"], summary["baselines"]["lookup"]):
        for metric in ("psnr", "psnr_gain", "ssim", "ae", "delta_e", "colourfulness"):
            assert table[metric]["low"] <= table[metric]["mean"] <= table[metric]["high"]
        assert "why" in table["lpips"] or table["lpips"]["mean"] > 0
    # The colours are nearly a function of the level, so the table beats the copy.
    assert summary["baselines"]["lookup"]["psnr"]["mean"] > summary["baselines"]["copy"]["psnr"]["mean"] + 10
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["metrics.json", "per_image.csv"]


def test_tables_name_the_baselines_and_the_categories(run: Path) -> None:
    result = in_process(evaluate, "--weights", run)
    assert result.exit_code == 0
    for word in ("psnr", "model", "copy", "lookup", "model − copy", "field", "urban"):
        assert word in result.stdout
    assert (run / "evaluation" / "test" / "metrics.json").is_file()
    comparison = json.loads(in_process(compare, run, run, "--json").stdout)
    assert comparison["runs"][1]["difference"]["psnr"] == {"mean": 0, "low": 0, "high": 0}
    assert "minus first" in in_process(compare, run, run).stdout


def test_a_broken_file_exits_with_1_and_is_named(run: Path, tmp_path: Path) -> None:
    pairs = run.parent / "pairs"
    picture = pairs / "nir" / "5.png"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:60])
    try:
        result = nirgan("evaluate", "--weights", run, "--out", tmp_path, "--json")
    finally:
        picture.write_bytes(whole)
    assert result.returncode == 1
    summary = json.loads(result.stdout)
    assert summary["count"] == 1
    assert [Path(failure["path"]).name for failure in summary["failed"]] == ["5.png"]
    assert "5.png" in result.stderr


def test_a_band_and_a_full_scale_can_be_given(run: Path, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    for side in ("nir", "rgb"):
        (tmp_path / "bands" / side).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "bands" / side / "a.png"), draw.integers(0, 99, (24, 30, 3), dtype=np.uint8))
    given = ["--weights", run, "--data", tmp_path / "bands", "--out", tmp_path / "out", "--json"]
    with pytest.raises(NirganError, match="--band"):
        in_process(evaluate, *given)
    copies = []
    for options in (["--band", 2], ["--band", 3], ["--band", 2, "--full-scale", 128]):
        result = in_process(evaluate, *given, *options)
        assert result.exit_code == 0
        copies.append(json.loads(result.stdout)["baselines"]["copy"]["psnr"]["mean"])
    assert len(set(copies)) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--protocol", "nirgan-2"], "did you mean 'nirgan-1'"),
        (["--split", "tests"], "did you mean 'test'"),
        (["--data", "no-such-folder"], "no-such-folder"),
    ],
)
def test_wrong_use_is_refused_in_words(run: Path, arguments: list[str], words: str) -> None:
    with pytest.raises(NirganError, match=words):
        in_process(evaluate, "--weights", run, *arguments)


def test_no_weights_exit_with_2_and_one_line(tmp_path: Path) -> None:
    result = nirgan("evaluate", "--weights", tmp_path / "nowhere")
    assert result.returncode == 2
    assert "nowhere" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_nothing_to_compare_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="nirgan evaluate"):
        in_process(compare, tmp_path)


@pytest.mark.slow
def test_two_processes_share_the_pictures_and_the_first_writes(run: Path, two_processes, tmp_path: Path) -> None:
    shutil.copytree(run.parent / "pairs", tmp_path / "pairs")
    (tmp_path / "pairs" / "nir" / "1.png").write_bytes(b"no picture")
    data = ("--data", tmp_path / "pairs", "--split", "all", "--json")
    alone = nirgan("evaluate", "--weights", run, *data, "--out", tmp_path / "alone")
    assert alone.returncode == 1
    ended = two_processes("evaluate", "--weights", run, *data, "--out", tmp_path / "both")
    (code, first, _), (other, second, _) = ended
    assert (code, other, second) == (1, 0, ""), ended
    ours, theirs = json.loads(first), json.loads(alone.stdout)
    for name in ("seconds", "out"):
        del ours[name], theirs[name]
    assert ours == theirs
    assert (ours["count"], len(ours["failed"])) == (5, 1)
    per_image = [(tmp_path / name / "per_image.csv").read_bytes() for name in ("alone", "both")]
    assert per_image[0] == per_image[1]
