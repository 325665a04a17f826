"""``nirgan recommend`` as it is typed: streams, exit codes, JSON, and what is read from folders."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import Nirgan

from nirgan.inference import find
from nirgan.models import create_model
from nirgan.models.weights import describe, save_weights


@pytest.fixture(autouse=True)
def _nothing_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "SHIPPED", tmp_path / "shipped")


def write(folder: Path, names: str, *, height: int = 150, width: int = 170) -> None:
    folder.mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(folder / f"{name}.png"), np.zeros((height, width, 3), np.uint8))


def test_an_answer_in_words(nirgan: Nirgan) -> None:
    ended = nirgan("recommend", "--pairs", "registered", "--count", 372, "--device", "cpu")
    assert ended.code == 0
    assert ended.out.startswith("nirgan-base, for nir2rgb, 372 registered pairs, a CPU:\n")
    assert "  nirgan train --model nirgan-base --preset small --data my/pairs --task nir2rgb" in ended.out
    assert "\notherwise pix2pix: if outputs are too dull" in ended.out
    assert "weights that ship" not in ended.out
    assert len(ended.out.splitlines()) < 40


def test_json_is_one_object(nirgan: Nirgan) -> None:
    result = json.loads(nirgan("recommend", "--pairs", "none", "--count", 80, "--device", "cpu", "--json").out)
    assert (result["task"], result["pairs"], result["count"], result["machine"]) == ("nir2rgb", "none", 80, "cpu")
    assert result["model"] == "asym-cyclegan"
    assert result["settings"]["preset"] == "small"
    assert result["commands"][1].startswith("nirgan train --model asym-cyclegan")
    assert [other["model"] for other in result["otherwise"]] == ["cyclegan"]
    assert result["why"]
    assert result["try_first"] == ""


def test_advice_is_for_the_machine_that_trains_which_need_not_be_this_one(nirgan: Nirgan) -> None:
    ended = nirgan("recommend", "--pairs", "registered", "--count", 372, "--device", "cuda")
    assert ended.out.startswith("nirgan-base, for nir2rgb, 372 registered pairs, a GPU:\n")
    assert "--preset paper" in ended.out


def test_lightness_keepers_are_refused_for_nir_in_a_sentence(nirgan: Nirgan) -> None:
    said = nirgan(
        "recommend", "--pairs", "registered", "--count", 372, "--model", "colorful", "--task", "nir2rgb"
    ).refused
    assert said.startswith("colorful keeps the lightness of its source. NIR is no lightness")
    assert nirgan("recommend", "--count", 372, "--model", "colorful", "--task", "gray2rgb").code == 0


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "say what you have"),
        (("--pairs", "none"), "--count N"),
        (("--count", 3), "--pairs registered"),
        (("--pairs", "registerd", "--count", 3), "did you mean 'registered'"),
        (("--pairs", "none", "--count", 3, "--task", "rgb2nir"), "--task rgb2nir"),
        (("--pairs", "none", "--count", 0), "--count is 0"),
        (("--pairs", "none", "--count", 3, "--model", "pix2pic"), "did you mean 'pix2pix'"),
        (("--pairs", "none", "--count", 3, "--device", "tpu"), "device 'tpu'"),
        (("--data", "nowhere"), "nowhere"),
    ],
)
def test_wrong_use_is_one_line(nirgan: Nirgan, args: tuple[object, ...], words: str) -> None:
    assert words in nirgan("recommend", *args).refused


def test_a_folder_says_pairs_and_count_itself(nirgan: Nirgan, tmp_path: Path) -> None:
    write(tmp_path / "pairs" / "nir", "abcde")
    write(tmp_path / "pairs" / "rgb", "abcde")
    common = ("recommend", "--data", "pairs", "--device", "cpu", "--json")
    result = json.loads(nirgan(*common).out)
    assert (result["pairs"], result["count"], result["model"]) == ("registered", 5, "nirgan-base")
    assert "crop" not in result["settings"]  # pictures are brought to one size
    asked = json.loads(nirgan(*common, "--model", "regression").out)
    assert asked["settings"]["crop"] == 128  # of 160, because the pictures have 150 rows
    assert "--data pairs" in result["commands"][1]
    assert "--pairing" not in result["commands"][1]
    said = json.loads(nirgan(*common, "--pairs", "unregistered", "--count", 400).out)
    assert (said["pairs"], said["count"]) == ("unregistered", 400)
    assert said["commands"][1] == "nirgan data align pairs --out pairs-aligned"


def test_only_headers_are_read(nirgan: Nirgan, tmp_path: Path) -> None:
    for side in ("nir", "rgb"):
        write(tmp_path / "pairs" / side, "ab", height=300, width=300)
        picture = tmp_path / "pairs" / side / "a.png"
        picture.write_bytes(picture.read_bytes()[:60])  # the header is whole, the picture is not
        (tmp_path / "pairs" / side / "b.png").write_bytes(b"nothing")
    result = json.loads(nirgan("recommend", "--data", "pairs", "--device", "cpu", "--json").out)
    assert result["count"] == 2
    assert "crop" not in result["settings"]


def test_folders_without_partners_count_the_smaller_side(nirgan: Nirgan, tmp_path: Path) -> None:
    write(tmp_path / "apart" / "A", "abcdefg")
    write(tmp_path / "apart" / "B", "xyz")
    result = json.loads(nirgan("recommend", "--data", "apart", "--device", "cpu", "--json").out)
    assert (result["pairs"], result["count"], result["model"]) == ("none", 3, "asym-cyclegan")


def test_photographs(nirgan: Nirgan, tmp_path: Path) -> None:
    write(tmp_path / "old photographs", "abcd")
    result = json.loads(nirgan("recommend", "--data", "old photographs", "--task", "gray2rgb", "--json").out)
    assert (result["task"], result["count"], result["model"]) == ("gray2rgb", 4, "nirgan-base")
    assert "--data 'old photographs'" in result["commands"][1]
    assert "old photographs" in nirgan("recommend", "--data", "old photographs").refused


def test_weights_that_ship_come_first(nirgan: Nirgan, tmp_path: Path) -> None:
    recipe = create_model("pix2pix", task="nir2rgb", crop=32, width=4, levels=5)
    state = recipe.state_dict()
    tensors = {name: state[name] for name in recipe.weight_names()}
    save_weights(tmp_path / "shipped" / "nirgan-nir.safetensors", tensors, describe("pix2pix", recipe))
    given = ("recommend", "--count", 9, "--pairs", "none")
    assert "  nirgan translate my/nir --weights nirgan-nir\n" in nirgan(*given).out
    assert json.loads(nirgan(*given, "--task", "gray2rgb", "--json").out)["try_first"] == ""
