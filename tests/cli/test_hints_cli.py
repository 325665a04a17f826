"""``nirgan translate --hints``: what changes, and what is refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from nirgan.models import create_model
from nirgan.models.weights import WeightsInfo, save_weights

OPTIONS = {"width": 4, "working_size": 32}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Weights of an untrained network in which hints show, and two pictures in ``old``."""
    torch.manual_seed(0)
    recipe = create_model("siggraph17", crop=32, **OPTIONS)
    for module in recipe.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
    state, info = recipe.state_dict(), WeightsInfo(model="siggraph17", task="gray2rgb", crop=32, options=OPTIONS)
    save_weights(tmp_path / "w.safetensors", {name: state[name] for name in recipe.weight_names()}, info)
    (tmp_path / "old").mkdir()
    for name in ("a.png", "b.png"):
        pixels = np.random.default_rng(0).integers(60, 200, (48, 64), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / "old" / name), cv2.GaussianBlur(pixels, (9, 9), 3))
    return tmp_path


def test_hints_change_the_picture_that_they_are_for(folder: Path, nirgan) -> None:
    (folder / "points.csv").write_text("file,x,y,radius,color\na.png,20,30,4,#c03020\n")
    common = ("translate", "old", "--weights", "w.safetensors")
    assert nirgan(*common, "--out", "plain").code == 0
    assert nirgan(*common, "--out", "told", "--hints", "points.csv").code == 0
    plain, told = ({name: cv2.imread(f"{out}/{name}") for name in ("a.png", "b.png")} for out in ("plain", "told"))
    assert not np.array_equal(plain["a.png"], told["a.png"])
    assert np.array_equal(plain["b.png"], told["b.png"])
    levels = [
        cv2.cvtColor(picture["a.png"].astype(np.float32) / 255, cv2.COLOR_BGR2LAB)[..., 0] for picture in (plain, told)
    ]
    assert np.abs(levels[0] - levels[1]).max() < 1  # each within half a unit of the source's


def test_rows_without_a_file_are_for_all(folder: Path, nirgan) -> None:
    (folder / "points.csv").write_text("x,y,color\n20,30,#c03020\n")
    common = ("translate", "old", "--weights", "w.safetensors")
    assert nirgan(*common, "--out", "plain").code == 0
    assert nirgan(*common, "--out", "told", "--hints=points.csv").code == 0
    for name in ("a.png", "b.png"):
        assert not np.array_equal(cv2.imread(f"plain/{name}"), cv2.imread(f"told/{name}"))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("x,y,color\n64,3,#c03020\n", "old/a.png: a hint at x=64, y=3 lies outside of the picture of 64×48 pixels"),
        ("x,y,color\n3,3,#c03020\n3,3,red\n", "points.csv, line 3: color 'red' is no color: write #rrggbb"),
        ("file,x,y,color\nc.png,3,3,#c03020\n", "a hint is for 'c.png', but no picture of that name"),
        ("x,y\n3,3\n", "points.csv: the first line must be file,x,y,radius,color"),
        ("x,y,color\nleft,3,#c03020\n", "points.csv, line 2: x is 'left'"),
        (None, "points.csv: cannot be read"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_written(folder: Path, nirgan, table: str | None, words: str) -> None:
    if table is not None:
        (folder / "points.csv").write_text(table)
    ended = nirgan("translate", "old", "--weights", "w.safetensors", "--hints", "points.csv", "--out", "told")
    assert words in ended.refused
    assert not (folder / "told").exists()


def test_other_models_take_no_hints(folder: Path, nirgan) -> None:
    recipe = create_model("pix2pix", crop=32, width=4, levels=5)
    state, info = recipe.state_dict(), WeightsInfo(
        model="pix2pix", task="nir2rgb", crop=32, options={"width": 4, "levels": 5}
    )  # fmt: skip
    save_weights(folder / "other.safetensors", {name: state[name] for name in recipe.weight_names()}, info)
    ended = nirgan("translate", "old", "--weights", "other.safetensors", "--hints", "points.csv", "--out", "told")
    assert "no option '--hints'" in ended.refused
