"""``nirgan probe`` as it is typed: streams, exit codes, files."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from command_line import Nirgan

from nirgan.config import RunConfig, dump
from nirgan.models import create_model
from nirgan.models.weights import describe, save_weights

TINY = {"width": 4, "levels": 5}


@pytest.fixture
def toys(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for name, level in (("dark", 50), ("light", 190)):
        (tmp_path / "toys" / name).mkdir(parents=True)
        for number in range(10):
            picture = level + draw.integers(-20, 20, (40, 40, 3))
            cv2.imwrite(str(tmp_path / "toys" / name / f"{number}.png"), picture.astype(np.uint8))
    return tmp_path / "toys"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    recipe = create_model("pix2pix", task="gray2rgb", crop=32, **TINY)
    state = recipe.state_dict()
    run = tmp_path / "runs" / "first"
    weights = {name: state[name] for name in recipe.weight_names()}
    save_weights(run / "checkpoints" / "best" / "weights.safetensors", weights, describe("pix2pix", recipe))
    (run / "config.yaml").write_text(dump(RunConfig(model="pix2pix", task="gray2rgb", crop=32, options=TINY)))
    return run


def test_json_is_one_object_and_files_lie_in_the_run(nirgan: Nirgan, run: Path, toys: Path) -> None:
    ended = nirgan("probe", "--data", toys, "--epochs", 4, "--json")  # the newest run
    assert ended.code == 0, ended
    summary = json.loads(ended.out)
    assert summary["layers"][0]["layer"] == "generator.encoder.0"
    assert summary["layers"][0]["trained"]["mean"] == 100
    assert summary["counts"] == {"train": 16, "test": 4}
    assert summary["out"].endswith("first/probe/toys")
    assert (run / "probe" / "toys" / "probe.json").is_file()
    assert (run / "probe" / "toys" / "probe.csv").is_file()


def test_a_table_names_layers_and_networks(nirgan: Nirgan, run: Path, toys: Path, tmp_path: Path) -> None:
    layers = ("--layers", "generator.encoder.0", "--layers", "generator.out")
    given = ("--weights", run, "--data", toys, *layers, "--epochs", 4, "--out", tmp_path / "out")
    ended = nirgan("probe", *given)
    assert ended.code == 0, ended
    for word in ("generator.encoder.0", "generator.out", "trained", "random"):
        assert word in ended.out
    assert "commonest class: 50.00 %" in ended.err
    assert f"written: {tmp_path / 'out'}" in ended.err
    assert (tmp_path / "out" / "probe.csv").is_file()


def test_a_broken_picture_exits_with_1_and_is_named(nirgan: Nirgan, run: Path, toys: Path) -> None:
    (toys / "dark" / "4.png").write_bytes(b"no picture")
    layers = ("--layers", "generator.encoder.0")
    ended = nirgan("probe", "--weights", run, "--data", toys, *layers, "--epochs", 2, "--json")
    ended.failed("4.png")
    assert sum(json.loads(ended.out)["counts"].values()) == 19


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--layers", "generator.encode.1"], "did you mean 'generator.encoder.1'"),
        (["--task", "gray"], "--task gray"),
        (["--device", "gpu"], "device 'gpu'"),
        (["--weights", "nowhere"], "nowhere"),
        (["--epochs", "0"], "--epochs"),
    ],
)
def test_wrong_use_is_one_line(nirgan: Nirgan, run: Path, toys: Path, arguments: list[str], words: str) -> None:
    assert words in nirgan("probe", "--data", toys, *arguments).refused


def test_data_has_to_be_said(nirgan: Nirgan, run: Path) -> None:
    assert "--data" in nirgan("probe").refused
