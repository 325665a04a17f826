"""Weights and training states that are damaged, foreign or armed: refused in a line, never run, never replaced."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bad_files import QUICK, armed_pickles, png
from command_line import Nirgan

from nirgan.errors import NirganError
from nirgan.models.weights import read_weights, save_weights
from nirgan.training.checkpoint import read_state

LAST, BEST = Path("pix2pix", "checkpoints", "last"), Path("pix2pix", "checkpoints", "best")
RESUME = ("train", "--resume", "--out", "pix2pix", "--steps", "4")
TRANSLATE = ("translate", "a.png", "--out", "out", "--weights")


@pytest.fixture(autouse=True)
def picture(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())


@pytest.fixture
def unchanged(runs: Path) -> Iterator[Callable[[], None]]:
    """Called, it notes every file of the runs but the lock; at the test's end they must still be so, and no more."""
    noted: dict[Path, bytes] = {}

    def content() -> dict[Path, bytes]:
        files = (path for path in runs.glob("*/**/*") if path.is_file() and path.name != ".lock")
        return {path: path.read_bytes() for path in files}

    def note() -> None:
        noted.clear()
        noted.update(content())

    yield note
    assert noted
    assert content() == noted


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << position % 8
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_in_the_middle(path: Path) -> None:
    flip(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [cut, flip_in_the_middle])
def test_damaged_weights(
    nirgan: Nirgan, runs: Path, unchanged: Callable[[], None], damage: Callable[[Path], None]
) -> None:
    weights = BEST / "weights.safetensors"
    damage(runs / weights)
    unchanged()
    for given in ("pix2pix", weights):
        words = nirgan(*TRANSLATE, given).refused
        assert str(weights) in words
        assert "copy or train it again" in words
    assert str(weights) in nirgan("evaluate", "--weights", "pix2pix", "--out", "out").refused
    fresh = ("train", "--model", "pix2pix", *QUICK, "--out", "out", "--steps", "1")
    assert str(weights) in nirgan(*fresh, "--init-from", "pix2pix").refused


@pytest.mark.parametrize("damage", [cut, flip_in_the_middle])
def test_a_damaged_training_state(
    nirgan: Nirgan, runs: Path, unchanged: Callable[[], None], damage: Callable[[Path], None]
) -> None:
    damage(runs / LAST / "state.pt")
    unchanged()
    words = nirgan(*RESUME).refused
    assert f"{LAST}: cannot be read, and no other checkpoint of the run is whole" in words
    assert "move it away" in words


def everywhere(size: int, count: int) -> list[int]:
    return sorted({int(at) for at in np.random.default_rng(0).integers(0, size, count)})


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other or (one != one and other != other))  # NaN


def refused(path: Path, read: Callable[[], Any], wanted: Any) -> bool:
    """Whether a file is refused by name; if not, it must hold what was written."""
    try:
        found = read()
    except NirganError as error:
        return str(path) in str(error)
    assert equal(found, wanted)
    return False


@pytest.mark.parametrize("count", [60, pytest.param(2000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["weights.safetensors", "state.pt"])
def test_a_flipped_bit_anywhere_is_noticed_or_harmless(runs: Path, name: str, count: int) -> None:
    path = runs / LAST / name

    def read() -> Any:
        if name == "state.pt":
            return read_state(path.parent)
        info, tensors = read_weights(path)
        return {"info": info.model_dump(), "tensors": tensors}

    content, wanted = path.read_bytes(), read()
    noticed = 0
    positions = everywhere(len(content), count)
    for position in positions:
        flip(path, position)
        noticed += refused(path, read, wanted)
        path.write_bytes(content)
    assert noticed > 0.9 * len(positions)  # the rest is the formats' own padding


def test_pickles_that_run_code_are_not_run_as_weights(
    nirgan: Nirgan, runs: Path, unchanged: Callable[[], None]
) -> None:
    marker = runs / "marker"
    for armed in armed_pickles(runs, marker):
        for name in ("weights.pth", "weights.pt", "weights.bin", "weights.safetensors"):
            shutil.copy(armed, runs / name)
            words = nirgan(*TRANSLATE, name).refused
            assert name in words
            assert "safetensors" in words
        shutil.copy(armed, runs / BEST / "weights.safetensors")
        unchanged()
        assert "not a whole safetensors file" in nirgan(*TRANSLATE, "pix2pix").refused
        fresh = ("train", "--model", "pix2pix", *QUICK, "--out", "out", "--steps", "1")
        assert "not a whole safetensors file" in nirgan(*fresh, "--init-from", "pix2pix").refused
    assert not marker.exists()


def test_pickles_that_run_code_are_not_run_as_training_state(
    nirgan: Nirgan, runs: Path, unchanged: Callable[[], None]
) -> None:
    marker = runs / "marker"
    for armed in armed_pickles(runs, marker):
        shutil.copy(armed, runs / LAST / "state.pt")
        unchanged()
        assert f"{LAST}: cannot be read" in nirgan(*RESUME).refused
    assert "are not read" in nirgan(*TRANSLATE, LAST / "state.pt").refused
    assert not marker.exists()


def test_weights_of_another_model(nirgan: Nirgan, runs: Path, unchanged: Callable[[], None]) -> None:
    info, tensors = read_weights(runs / BEST / "weights.safetensors")
    other = {"model": "asym-cyclegan", "options": {"width": 8, "n_res": 1}}
    save_weights(runs / "other.safetensors", tensors, info.model_copy(update=other))
    save_weights(runs / "none.safetensors", tensors, info.model_copy(update={"model": "pix2pixx"}))
    unchanged()
    words = nirgan(*TRANSLATE, "other.safetensors").refused
    assert "other.safetensors: these weights do not fit " in words
    assert "did you mean 'pix2pix'" in nirgan(*TRANSLATE, "none.safetensors").refused
    fresh = ("train", "--model", "pix2pix", *QUICK, "--out", "out", "--steps", "1")
    words = nirgan(*fresh, "--init-from", "asym-cyclegan").refused
    assert "weights of asym-cyclegan, but this trains pix2pix" in words
    assert "weights of asym-cyclegan" in nirgan(*fresh, "--init-from", "other.safetensors").refused


def test_a_run_of_another_model_is_not_gone_on_with(nirgan: Nirgan, runs: Path, unchanged: Callable[[], None]) -> None:
    shutil.rmtree(runs / LAST)
    shutil.copytree(runs / "asym-cyclegan" / "checkpoints" / "last", runs / LAST)
    unchanged()
    words = nirgan(*RESUME, "--model", "asym-cyclegan").refused
    assert words.startswith("model is 'pix2pix' in pix2pix/config.yaml, but 'asym-cyclegan' was given")
    words = nirgan(*RESUME).refused
    assert "the last checkpoint is of other networks than this run's Pix2Pix" in words
    assert "start a new run" in words
