"""What training takes over from other weights, and what begins anew or stays."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from torch import nn
from toy_training import ToyGan, toy_config, write_pairs

from nirgan.errors import NirganError
from nirgan.models.weights import read_weights
from nirgan.monitoring.progress import Silent
from nirgan.registry import MODELS
from nirgan.training import train
from nirgan.training.init_from import take_over


@MODELS.register("toy-heads")
class ToyHeads(ToyGan):
    """The last convolution is a head of its own, of which there are two kinds."""

    translates_with = ("generator", "head")
    may_begin_anew = ("head",)

    def __init__(self, *, kernel: int = 3, **given: Any) -> None:
        super().__init__(**given)
        self.networks["head"] = nn.Conv2d(3, 3, kernel, padding=kernel // 2)
        self.register_buffer("prior", torch.zeros(2))

    def prepare(self, samples: Any) -> None:
        self.prior = torch.tensor([1.0, float(sum(1 for _ in samples))])

    def predict(self, source: Any, conditions: Any) -> Any:
        return self.networks["head"](self.networks["generator"](source))


@MODELS.register("toy-second")
class ToySecond(ToyGan):
    needs_weights = MappingProxyType({"noise": False})


@pytest.fixture
def first(pairs: Path, tmp_path: Path) -> Path:
    train(toy_config(pairs, model="toy-heads", steps=1), out=tmp_path / "first", progress=Silent())
    return tmp_path / "first"


def weights_in(run: Path) -> dict[str, torch.Tensor]:
    return read_weights(run / "checkpoints" / "best" / "weights.safetensors")[1]


@pytest.mark.parametrize("kernel", [3, 1])
def test_a_head_is_taken_over_where_it_fits(kernel: int, pairs: Path, first: Path) -> None:
    recipe = ToyHeads(kernel=kernel)
    drawn = recipe.networks["head"].weight.detach().clone()
    recipe.built_with = {"kernel": kernel}
    take_over(recipe, toy_config(pairs, model="toy-heads", init_from=str(first)))
    there, now = weights_in(first), recipe.state_dict()
    assert all(torch.equal(now[name], there[name]) for name in now if name.startswith("networks.generator"))
    kept = there["networks.head.weight"] if kernel == 3 else drawn
    assert torch.equal(now["networks.head.weight"], kept)


def test_other_parts_must_fit(pairs: Path, first: Path) -> None:
    recipe = ToyHeads()
    recipe.networks["generator"][0] = nn.Conv2d(1, 6, 5)
    recipe.built_with = {}
    with pytest.raises(NirganError, match="1 of another shape"):
        take_over(recipe, toy_config(pairs, model="toy-heads", init_from=str(first)))


def test_what_was_prepared_from_this_data_stays(pairs: Path, first: Path, tmp_path: Path) -> None:
    assert weights_in(first)["prior"].tolist() == [1.0, 10.0]
    other = write_pairs(tmp_path / "other", count=24, seed=1)
    config = toy_config(other, model="toy-heads", init_from=str(first), steps=1)
    train(config, out=tmp_path / "second", progress=Silent())
    count = sum(line.endswith(",train") for line in (tmp_path / "second" / "split.csv").read_text().splitlines())
    assert weights_in(tmp_path / "second")["prior"].tolist() == [1.0, count]
    assert count != 10


def test_who_needs_weights_is_told_so(pairs: Path, tmp_path: Path) -> None:
    words = "toy-second starts from weights of noise=False: name them with --init-from"
    with pytest.raises(NirganError, match=words):
        train(toy_config(pairs, model="toy-second"), out=tmp_path / "run", progress=Silent())
    assert not (tmp_path / "run").exists()
