"""NaN and infinity end a run, whatever they are first seen in, and what was saved before stays whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from toy_training import ToyGan, toy_config

from nirgan.errors import NirganError
from nirgan.models.recipe import At, Recipe, Term
from nirgan.models.weights import read_weights
from nirgan.monitoring.progress import Silent
from nirgan.registry import MODELS
from nirgan.training import train
from nirgan.training.state import broken_weights


class InfiniteGradient(torch.autograd.Function):
    """The identity, with a gradient of infinity."""

    @staticmethod
    def forward(context: Any, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return torch.full_like(gradient, torch.inf)


@MODELS.register("toy-infinite-gradient")
class ToyInfiniteGradient(ToyGan):
    """Step 5 has finite losses and an infinite gradient."""

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        if phase == "d" or at.step != 4:
            return super().terms(phase, at)
        return [Term("l1", 10.0, lambda v: F.l1_loss(InfiniteGradient.apply(v["output"]), v["target"]))]


@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.parametrize(
    ("save", "validate", "words"),
    [
        (1, 0, r"step 5: the weights networks\.generator\.0\.weight became NaN"),
        (4, 1, r"step 5: the weights networks\.generator\.0\.weight became NaN"),
        (4, 4, r"step 6: loss/\w/\w+ became nan \(batch: pairs"),
    ],
)
def test_an_infinite_gradient_reaches_no_checkpoint(
    clip: float, save: int, validate: int, words: str, pairs: Path, tmp_path: Path
) -> None:
    settings = {"checkpoint": {"every_steps": save}, "validation": {"every_steps": validate, "images": 1}}
    config = toy_config(pairs, model="toy-infinite-gradient", clip_grad_norm=clip, **settings)
    with pytest.raises(NirganError, match=words):
        train(config, out=tmp_path / "run", progress=Silent())
    folder = tmp_path / "run" / "checkpoints"
    state = torch.load(folder / "last" / "state.pt", weights_only=True)
    assert state["step"] == 4
    for name in ("last", "best"):
        info, tensors = read_weights(folder / name / "weights.safetensors")
        assert info.step <= 4
        assert all(value.isfinite().all() for value in tensors.values())
    assert all(value.isfinite().all() for value in state["recipe"].values() if isinstance(value, Tensor))


def test_running_statistics_count_as_weights() -> None:
    recipe: Recipe = ToyGan()
    assert broken_weights(recipe) is None
    recipe.networks.get_submodule("generator.1").running_var[2] = torch.inf  # type: ignore[index, operator]
    assert broken_weights(recipe) == "networks.generator.1.running_var"


def test_other_buffers_may_be_infinite() -> None:
    recipe = ToyGan()
    recipe.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    assert broken_weights(recipe) is None
