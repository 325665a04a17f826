"""Weights that ship: how they are found and listed, what half precision keeps, and what lies in the package."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from command_line import Nirgan
from toy_recipes import build, save_toy

from nirgan.errors import NirganError
from nirgan.inference import find
from nirgan.inference.find import find_weights, shipped_for, shipped_weights
from nirgan.inference.run import translate_source
from nirgan.models.half import write_half
from nirgan.models.weights import load_recipe, read_info, read_weights, save_weights

PROJECT = Path(find.__file__).parents[2]
LARGEST = 8_000_000  # bytes


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped weights: one file for each task, in half precision."""
    folder = tmp_path / "shipped"
    for name, task in (("nirgan-gray", "gray2rgb"), ("nirgan-nir", "nir2rgb")):
        whole = save_toy(tmp_path / f"{name}-whole.safetensors", "toy-batch", task=task, step=9)
        write_half(whole, folder / f"{name}.safetensors")
    monkeypatch.setattr(find, "SHIPPED", folder)
    return folder


# --- found ------------------------------------------------------------------------------------------------------------


def test_each_has_a_name_and_is_the_default_of_its_task(shipped: Path, tmp_path: Path) -> None:
    assert list(shipped_weights()) == ["nirgan-gray", "nirgan-nir"]
    for name, task in (("nirgan-nir", "nir2rgb"), ("nirgan-gray", "gray2rgb")):
        file = shipped / f"{name}.safetensors"
        assert find_weights(name) == find_weights(name, task) == find_weights(None, task, tmp_path / "runs") == file
        assert shipped_for(task) == name
    with pytest.raises(NirganError, match="trained for gray2rgb, not nir2rgb"):
        find_weights("nirgan-gray", "nir2rgb")
    with pytest.raises(NirganError, match=r"did you mean 'nirgan-nir'.*shipped are nirgan-gray, nirgan-nir"):
        find_weights("nirgan-nri")


def test_who_names_no_task_has_nir_pictures(shipped: Path, tmp_path: Path) -> None:
    assert find_weights(None, None, tmp_path / "runs").stem == "nirgan-nir"
    (shipped / "nirgan-nir.safetensors").unlink()
    only = r"nothing is trained yet under .*/ and only nirgan-gray for gray2rgb \(--task gray2rgb\) ships: run `nirgan"
    with pytest.raises(NirganError, match=only):
        find_weights(None, None, tmp_path / "runs")
    assert shipped_for("nir2rgb") == ""
    save_toy(tmp_path / "runs" / "mine" / "checkpoints" / "best" / "weights.safetensors", "toy-copy", task="gray2rgb")
    with pytest.raises(NirganError, match=r"for the task nir2rgb under .*/ \(only for gray2rgb\) and only nirgan-gray"):
        find_weights(None, "nir2rgb", tmp_path / "runs")
    (shipped / "nirgan-gray.safetensors").unlink()
    with pytest.raises(NirganError, match=r"\(only for gray2rgb\) and none ships"):
        find_weights(None, "nir2rgb", tmp_path / "runs")


def test_damaged_ones_are_passed_over_unless_they_are_named(
    shipped: Path, nirgan: Nirgan, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (shipped / "nirgan-gray.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    listed = json.loads(nirgan("models", "list", "--json").out)["weights"]
    assert [row["name"] for row in listed] == ["nirgan-nir"]
    assert "nirgan-gray.safetensors: not a whole safetensors file" in caplog.text
    ended = nirgan("recommend", "--pairs", "registered", "--count", 300, "--device", "cpu")
    assert ended.code == 0
    assert "--weights nirgan-nir" in ended.out
    assert shipped_for("gray2rgb") == ""
    assert find_weights(None, None, tmp_path / "runs").stem == "nirgan-nir"
    assert "nirgan-gray.safetensors" in nirgan("translate", "a.png", "--weights", "nirgan-gray").refused


def test_what_somebody_trained_comes_first(shipped: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "mine" / "checkpoints" / "last" / "weights.safetensors"
    save_toy(run, "toy-copy", task="gray2rgb")
    assert find_weights(None, "gray2rgb", tmp_path / "runs") == run
    assert find_weights(None, None, tmp_path / "runs") == run
    assert find_weights(None, "nir2rgb", tmp_path / "runs").stem == "nirgan-nir"


def test_they_are_listed_and_translate_on_a_fresh_machine(shipped: Path, nirgan: Nirgan, tmp_path: Path) -> None:
    listed = json.loads(nirgan("models", "list", "--json").out)["weights"]
    assert [(row["name"], row["task"], row["model"]) for row in listed] == [
        ("nirgan-gray", "gray2rgb", "toy-batch"),
        ("nirgan-nir", "nir2rgb", "toy-batch"),
    ]
    assert listed[1]["bytes"] == (shipped / "nirgan-nir.safetensors").stat().st_size
    assert "--weights nirgan-nir" in nirgan("models", "list").out
    (tmp_path / "nir_dir").mkdir()
    cv2.imwrite(str(tmp_path / "nir_dir" / "a.png"), np.full((20, 30), 99, np.uint8))
    ended = nirgan("translate", "nir_dir/", "--device", "cpu")
    assert ended.code == 0
    assert "toy-batch, 9 steps" in ended.err
    assert cv2.imread(str(tmp_path / "translated" / "a.png")).shape == (20, 30, 3)


# --- in half precision ------------------------------------------------------------------------------------------------


def test_half_the_size_computes_in_float32(shipped: Path, tmp_path: Path) -> None:
    file = shipped / "nirgan-nir.safetensors"
    whole = tmp_path / "nirgan-nir-whole.safetensors"
    assert read_info(file) == read_info(whole)
    kept, halved = read_weights(whole)[1], read_weights(file)[1]
    assert halved.keys() == kept.keys()
    for name, value in kept.items():
        assert halved[name].dtype == (torch.float16 if value.is_floating_point() else value.dtype)
        assert torch.equal(halved[name], value.to(halved[name].dtype))
    recipe, _ = load_recipe(file)
    assert {value.dtype for value in recipe.state_dict().values() if value.is_floating_point()} == {torch.float32}
    source = torch.rand(1, 24, 31, generator=torch.Generator().manual_seed(0))
    output, exact = translate_source(recipe, source), translate_source(build("toy-batch"), source)
    assert output.dtype == torch.float32
    assert 0 < (output - exact).abs().max() < 0.01


def test_pack_writes_a_run_in_half_precision(nirgan: Nirgan, tmp_path: Path) -> None:
    save_toy(tmp_path / "runs" / "first" / "checkpoints" / "best" / "weights.safetensors", "toy-batch")
    ended = nirgan("models", "pack", "runs/first", "--out", "small.safetensors", "--json")
    assert json.loads(ended.out) == {
        "written": "small.safetensors",
        "bytes": (tmp_path / "small.safetensors").stat().st_size,
    }
    assert read_weights(tmp_path / "small.safetensors")[1]["networks.generator.0.weight"].dtype == torch.float16
    again = nirgan("models", "pack", "runs/first", "--out", "small.safetensors")
    assert again.refused.startswith("small.safetensors is already there")
    assert "name it small.safetensors" in nirgan("models", "pack", "runs/first", "--out", "small.bin").refused


def test_values_beyond_half_precision_are_refused(tmp_path: Path) -> None:
    file = save_toy(tmp_path / "w.safetensors", "toy-batch")
    info, tensors = read_weights(file)
    tensors["networks.generator.0.bias"] += 70_000.0  # float16 ends at 65,504
    save_weights(file, tensors, info)
    with pytest.raises(NirganError, match="generator.0.bias holds values beyond 65504"):
        write_half(file, tmp_path / "half.safetensors")
    assert not (tmp_path / "half.safetensors").exists()


# --- in the package ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", shipped_weights().values(), ids=lambda file: file.stem)
def test_what_ships_loads_is_small_and_has_a_card(file: Path) -> None:
    assert file.stat().st_size <= LARGEST
    assert file.with_suffix(".md").is_file()
    recipe, info = load_recipe(file)
    kinds = {value.dtype for value in read_weights(file)[1].values()}
    assert not kinds & {torch.float32, torch.float64}
    output = translate_source(recipe, torch.rand(info.source_channels, 40, 56))
    assert output.shape == (3, 40, 56)
    assert output.isfinite().all()


def test_one_ships_for_each_task() -> None:
    tasks = {name: read_info(file).task for name, file in shipped_weights().items()}
    assert tasks == {"nirgan-nir": "nir2rgb", "nirgan-gray": "gray2rgb"}


def test_the_wheel_takes_the_folder() -> None:
    settings = PROJECT / "pyproject.toml"
    if not settings.is_file():
        pytest.skip("no checkout")
    target = tomllib.loads(settings.read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    # hatch takes every file below a package but what git ignores.
    assert target["packages"] == ["nirgan"]
    assert not target.keys() & {"exclude", "include", "only-include"}
    assert find.SHIPPED == PROJECT / "nirgan" / "weights"
    assert (find.SHIPPED / "README.md").is_file()


def test_git_does_not_ignore_what_ships(ignored: Callable[[str], bool]) -> None:
    assert ignored("runs/first/checkpoints/best/weights.safetensors")
    for name in ("nirgan-nir.safetensors", "nirgan-nir.md"):
        assert not ignored(f"nirgan/weights/{name}")


@pytest.fixture
def ignored() -> Callable[[str], bool]:
    """Whether git ignores a path of the project."""
    if not (PROJECT / ".git").exists():
        pytest.skip("no git checkout")

    def ask(path: str) -> bool:
        # --no-index: a file that is tracked already is no answer.
        command = ["git", "-C", str(PROJECT), "check-ignore", "-q", "--no-index", path]
        code = subprocess.run(command, check=False).returncode
        assert code in (0, 1)
        return code == 0

    return ask
