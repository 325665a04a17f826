from __future__ import annotations

import os
from pathlib import Path

import pytest
from toy_recipes import save_toy

from nirgan.errors import NirganError
from nirgan.inference import find
from nirgan.inference.device import pick_device
from nirgan.inference.find import find_weights


@pytest.fixture(autouse=True)
def _nothing_ships(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "SHIPPED", tmp_path / "nothing")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three runs: `old` with best and last, `new` with last alone, `grey` of another task and newer still."""
    folder = tmp_path / "runs"
    for age, (name, task) in enumerate([("grey", "gray2rgb"), ("new", "nir2rgb"), ("old", "nir2rgb")]):
        for kind in ("best", "last") if name == "old" else ("last",):
            file = save_toy(folder / name / "checkpoints" / kind / "weights.safetensors", "toy-copy", task=task)
            os.utime(file, (1e9 - 100 * age, 1e9 - 100 * age))
    (folder / "empty").mkdir()
    return folder


def test_a_run_gives_its_best_else_its_last(runs: Path) -> None:
    assert find_weights(runs / "old").parent.name == "best"
    assert find_weights(runs / "new").parent.name == "last"
    assert find_weights(runs / "old" / "checkpoints" / "last").parent.name == "last"
    assert find_weights(str(find_weights(runs / "new"))).parent.name == "last"


def test_a_checkpoint_that_is_being_replaced_is_found(runs: Path) -> None:
    (runs / "new" / "checkpoints" / "last").rename(runs / "new" / "checkpoints" / "last.new")
    assert find_weights(runs / "new").parent.name == "last.new"


def test_without_a_name_the_newest_run_of_the_task(runs: Path) -> None:
    assert find_weights(None, None, runs).parents[2].name == "grey"
    assert find_weights(None, "nir2rgb", runs).parents[2].name == "new"
    newest = runs / "old" / "checkpoints" / "last" / "weights.safetensors"
    os.utime(newest, (2e9, 2e9))
    assert find_weights(None, "nir2rgb", runs).parents[2].name == "old"


def test_damaged_weights_are_passed_over(runs: Path) -> None:
    (runs / "new" / "checkpoints" / "last" / "weights.safetensors").write_bytes(b"cut")
    assert find_weights(None, "nir2rgb", runs).parents[2].name == "old"


def test_nothing_trained_says_how_to_train(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(NirganError, match=r"nothing is trained yet.*nirgan train"):
        find_weights(None, None, tmp_path / "none")
    with pytest.raises(NirganError, match=r"task other .*only for gray2rgb, nir2rgb"):
        find_weights(None, "other", runs)


def test_what_ships_comes_last_and_has_a_name(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "SHIPPED", tmp_path / "shipped")
    shipped = save_toy(tmp_path / "shipped" / "small-nir.safetensors", "toy-copy")
    assert find_weights(None, "nir2rgb", tmp_path / "none") == shipped
    assert find_weights("small-nir") == shipped
    assert find_weights(None, "nir2rgb", runs) != shipped
    with pytest.raises(NirganError, match="did you mean 'small-nir'"):
        find_weights("smal-nir")


def test_wrong_names_and_tasks(runs: Path) -> None:
    with pytest.raises(NirganError, match="no weights in this folder"):
        find_weights(runs / "empty")
    with pytest.raises(NirganError, match="trained for gray2rgb, not nir2rgb"):
        find_weights(runs / "grey", "nir2rgb")


@pytest.mark.parametrize("name", ["tpu", "cuda:x", "cuda:99"])
def test_devices_that_are_not_there(name: str) -> None:
    with pytest.raises(NirganError, match=f"device '{name}'"):
        pick_device(name)
    assert pick_device("cpu").type == "cpu"
