"""Damaged weights and training states: loaded or refused in words, whatever they say about themselves."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from fuzzing import ANY_TEXT, damaged, few_and_many, refuse_or, try_all
from hypothesis import settings
from hypothesis import strategies as st
from safetensors.torch import save

from nirgan.models import create_model
from nirgan.models.weights import WeightsInfo, load_recipe, save_weights
from nirgan.training.checkpoint import read_state

TINY = {"width": 4, "levels": 5}
INFO = WeightsInfo(model="pix2pix", task="nir2rgb", crop=32, options=TINY, lookup=[[0.1, 0.2, 0.3]] * 256)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 70) | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
OPTIONS = st.dictionaries(st.sampled_from(["width", "levels", "norm", "dropout", "upsample", "x"]), VALUES, max_size=3)
FIELDS = st.dictionaries(st.sampled_from(list(WeightsInfo.model_fields)), VALUES, max_size=2)
NAMES = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["pix2pix", "asym-cyclegan"]),
        "task": st.sampled_from(["gray2rgb", "nir2rgb"]),
        "crop": st.sampled_from([32, 64, 128, 65536]),
        "options": OPTIONS,
    },
)
HARMLESS = st.fixed_dictionaries({}, optional={"step": st.integers(0), "nirgan": ANY_TEXT, "new": VALUES})
SAID = HARMLESS | FIELDS | NAMES | st.builds(lambda a, b: {**a, **b}, NAMES, FIELDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    recipe = create_model("pix2pix", crop=32, **TINY)
    state = recipe.state_dict()
    return {name: state[name] for name in recipe.weight_names()}


def is_loaded(folder: Path, content: bytes) -> bool:
    (folder / "any.safetensors").write_bytes(content)
    return refuse_or(lambda: load_recipe(folder / "any.safetensors")) is not None


@few_and_many
def test_damaged_weights(folder: Path, tensors: dict[str, torch.Tensor], much: settings) -> None:
    save_weights(folder / "good.safetensors", tensors, INFO)
    good = (folder / "good.safetensors").read_bytes()
    assert is_loaded(folder, good)
    examples = damaged(st.just(good), head=20_000) | st.binary(max_size=100)
    try_all(much, examples, lambda content: is_loaded(folder, content))


@few_and_many
def test_weights_that_say_anything(folder: Path, tensors: dict[str, torch.Tensor], much: settings) -> None:
    loaded: list[Any] = []

    def load(said: Any) -> None:
        words = said if isinstance(said, str) else json.dumps({**INFO.model_dump(), **said})
        if is_loaded(folder, save(tensors, metadata={"nirgan": words})):
            loaded.append(said)

    try_all(much, SAID | st.text(max_size=30), load)
    assert len(loaded) > 5  # else the examples would show little


def test_metadata_nested_too_deep(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    assert not is_loaded(folder, save(tensors, metadata={"nirgan": "[" * 100_000}))


def packed(pickled: bytes) -> bytes:
    """A pickle as torch keeps it, with checksums that fit."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/data/0", bytes(48))
    return buffer.getvalue()


def pickled_state() -> bytes:
    buffer = io.BytesIO()
    torch.save({"format": "nirgan-state-1", "step": 7, "a": torch.zeros(3, 4), "list": [1.5, "x", None, True]}, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return archive.read("archive/data.pkl")


@few_and_many
def test_damaged_states(folder: Path, much: settings) -> None:
    def read(content: bytes) -> None:
        (folder / "state.pt").write_bytes(content)
        for mapped in (False, True):
            state = refuse_or(lambda mapped=mapped: read_state(folder, mapped=mapped))
            assert state is None or isinstance(state, dict)

    pickles = damaged(st.just(pickled_state())) | st.binary(max_size=60)
    try_all(much, pickles.map(packed) | damaged(st.just(packed(pickled_state()))) | pickles, read)


def test_the_state_is_good_before_it_is_damaged(folder: Path) -> None:
    (folder / "state.pt").write_bytes(packed(pickled_state()))
    assert read_state(folder)["step"] == 7
