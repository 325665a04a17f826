"""``nirgan data`` as people and scripts call it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from nirgan.cli.data import group
from nirgan.errors import NirganError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for side, shape in (("nir", (24, 32)), ("rgb", (24, 32, 3))):
        (tmp_path / "set" / side).mkdir(parents=True)
        for name in range(10):
            pixels = np.random.default_rng(name).integers(0, 256, shape, dtype=np.uint8)
            assert cv2.imwrite(str(tmp_path / "set" / side / f"{name}.png"), pixels)
    return tmp_path / "set"


def call(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(group, [str(argument) for argument in arguments])
    if isinstance(result.exception, NirganError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def test_list_shows_cards_and_layouts() -> None:
    result = json.loads(call("list", "--json"))
    assert {"rgb-nir-scene", "vcip-2020", "synthetic"} <= {card["name"] for card in result["datasets"]}
    assert result["layouts"]["nir-rgb"] == "nir/ + rgb/ with the same names"
    assert "vcip-2020" in call("list")


def test_inspect_prints_one_json_object(folder: Path) -> None:
    (folder / "rgb" / "3.png").unlink()
    result = json.loads(call("inspect", folder, "--json"))
    assert result["count"] == 9
    assert result["problems"] == [{"kind": "missing partner", "count": 1, "files": [str(folder / "nir" / "3.png")]}]
    assert "missing partner: 1" in call("inspect", folder)


def test_preview_draws_source_beside_target(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    call("preview", "--data", folder, "--crop", "16", "--count", "3", "--out", out, "--set", "dataset.augment.flip=1.0")
    assert cv2.imread(str(out)).shape == (20 + 3 * 16 + 2 * 4, 2 * 16 + 4, 3)  # words above


def test_preview_names_broken_files_and_exits_with_1(folder: Path, tmp_path: Path) -> None:
    for name in range(9):
        (folder / "nir" / f"{name}.png").write_bytes(b"broken")
    (folder / "split.csv").write_text("set,name,split\n" + "".join(f"set,{name},train\n" for name in range(10)))
    result = call(
        "preview", "--data", folder, "--crop", "16", "--count", "10", "--out", tmp_path / "p.png", "--json", code=1
    )
    assert len(json.loads(result)["failed"]) == 9


def test_synth_writes_pairs_that_open(tmp_path: Path) -> None:
    call("synth", tmp_path / "scenes", "--count", "3", "--size", "32", "--depth", "16")
    assert json.loads(call("inspect", tmp_path / "scenes", "--json"))["count"] == 3
    assert cv2.imread(str(next((tmp_path / "scenes" / "nir").iterdir())), cv2.IMREAD_UNCHANGED).dtype == np.uint16


def test_wrong_words_are_answered_with_valid_ones(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="--task nirrgb; did you mean 'nir2rgb'"):
        call("preview", "--data", folder, "--task", "nirrgb", "--out", tmp_path / "p.png")
