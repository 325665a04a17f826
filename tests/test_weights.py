"""Weights files: whole, readable by anyone, and refused in words when they are not what they should be."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from safetensors.torch import save_file

from nirgan.errors import NirganError
from nirgan.models import create_model
from nirgan.models.pix2pix import Pix2Pix
from nirgan.models.recipe import Recipe, Task
from nirgan.models.weights import WeightsInfo, describe, load_recipe, read_info, save_weights
from nirgan.registry import MODELS

TINY = {"width": 4, "levels": 5}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    torch.manual_seed(0)
    return create_model("pix2pix", crop=32, **TINY).eval()


@pytest.fixture
def saved(recipe: Recipe, tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    state = recipe.state_dict()
    info = WeightsInfo(model="pix2pix", task="nir2rgb", crop=32, options=TINY, step=7, lookup=[[0.1, 0.2, 0.3]] * 256)
    save_weights(path, {name: state[name] for name in recipe.weight_names()}, info)
    return path


def test_round_trip_predicts_the_same(recipe: Recipe, saved: Path) -> None:
    loaded, info = load_recipe(saved)
    source = torch.rand(1, 1, 32, 32)
    assert torch.equal(loaded.predict(source, {}), recipe.predict(source, {}))
    assert info.step == 7
    assert info.lookup is not None
    assert len(info.lookup) == 256


def test_only_what_prediction_needs_is_saved(recipe: Recipe, saved: Path) -> None:
    from nirgan.models.weights import read_weights

    names = read_weights(saved)[1]
    assert all(name.startswith("networks.generator.") for name in names)
    assert "networks.discriminator" in {n.rsplit(".", 1)[0][:22] for n in recipe.state_dict()}


def test_networks_that_only_train_are_not_loaded(recipe: Recipe, saved: Path) -> None:
    loaded, _ = load_recipe(saved)
    assert list(loaded.networks) == ["generator"]
    assert loaded.weight_names() == recipe.weight_names()
    assert "discriminator" in recipe.networks


@MODELS.register("toy-fetching")
class Fetching(Pix2Pix):
    """Starts from a network that has to be fetched."""

    fetched: ClassVar[list[str]] = []

    def __init__(self, *, task: Task, source_channels: int, crop: int, pretrained: bool = True) -> None:
        super().__init__(task=task, source_channels=source_channels, crop=crop, **TINY)
        if pretrained:
            self.fetched.append("once")


def test_nothing_is_fetched_to_load_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    recipe = create_model("toy-fetching", crop=32)
    state = recipe.state_dict()
    info = describe("toy-fetching", recipe)
    assert info.options["pretrained"]
    save_weights(path, {name: state[name] for name in recipe.weight_names()}, info)
    assert load_recipe(path)[1].options["pretrained"]
    assert Fetching.fetched == ["once"]


def test_cut_in_half(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[: saved.stat().st_size // 2])
    with pytest.raises(NirganError, match="not a whole safetensors file"):
        load_recipe(saved)


def test_pickle_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(NirganError, match="not read"):
        load_recipe(path)
    disguised = path.rename(tmp_path / "weights.safetensors")
    with pytest.raises(NirganError, match="not a whole safetensors file"):
        load_recipe(disguised)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="no such weights file"):
        read_info(tmp_path / "none.safetensors")
    foreign = tmp_path / "foreign.safetensors"
    save_file({"x": torch.zeros(1)}, foreign)
    with pytest.raises(NirganError, match="not one that nirgan wrote"):
        read_info(foreign)


def test_weights_that_do_not_fit_are_named(recipe: Recipe, saved: Path) -> None:
    from nirgan.models.weights import fill, read_weights

    tensors = read_weights(saved)[1]
    first = sorted(tensors)[0]
    tensors["networks.generator.alien"] = tensors.pop(first)
    with pytest.raises(NirganError, match=rf"1 missing \(first: {first}\); 1 not of this model"):
        fill(recipe, tensors, saved)


def test_another_width_is_a_matter_of_shape(saved: Path) -> None:
    from nirgan.models.weights import fill, read_weights

    wider = create_model("pix2pix", crop=32, width=8, levels=5)
    with pytest.raises(NirganError, match="of another shape"):
        fill(wider, read_weights(saved)[1], saved)
