"""The suite itself: the guide's example passes it, and recipes with a defect do not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nirgan.models.recipe import Recipe, Term
from nirgan.registry import MODELS
from nirgan.testing import conformance

GUIDE = Path(__file__).parents[2] / "nirgan" / "models" / "README.md"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> type[Recipe]:
    """The recipe of the guide, registered for one test."""
    monkeypatch.setattr(MODELS, "_entries", {**MODELS._entries})
    MODELS.names()
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    namespace: dict[str, Any] = {"__name__": "guide"}
    exec(code[1], namespace)
    return namespace["UNetL1"]


def register(recipe: type[Recipe], name: str) -> Any:
    MODELS.register(name)(recipe)
    return conformance(name)()


def test_the_guides_example_passes(example: type[Recipe], tmp_path: Path) -> None:
    suite = conformance("unet-l1")()
    suite.test_states_what_the_contract_asks()
    suite.test_registers_each_network_once()
    suite.test_trains_exactly_what_its_phases_name()
    suite.test_fits_one_batch()
    suite.test_trains_in_bf16()
    suite.test_translates_any_size((33, 65))
    suite.test_tiles_equal_the_whole_picture()
    suite.test_prediction_repeats_and_draws_no_random_numbers()


def test_an_idle_network_is_found(example: type[Recipe]) -> None:
    class Idle(example):  # type: ignore[misc, valid-type]
        def __init__(self, *, task: str, source_channels: int, crop: int, width: int = 8) -> None:
            super().__init__(task=task, source_channels=source_channels, crop=crop, width=width)
            self.networks["generator"].idle = nn.Conv2d(3, 3, 1)

    with pytest.raises(AssertionError, match="generator"):
        register(Idle, "idle").test_trains_exactly_what_its_phases_name()


def test_a_recipe_that_does_not_learn_is_found(example: type[Recipe]) -> None:
    class Climbs(example):  # type: ignore[misc, valid-type]
        def terms(self, phase: str, at: Any) -> list[Term]:
            inner = super().terms(phase, at)[0]
            return [Term("l1", -1.0, inner.fn)]

    with pytest.raises(AssertionError, match="generator/l1 went from"):
        register(Climbs, "climbs").test_fits_one_batch()


def test_a_network_held_twice_is_found(example: type[Recipe]) -> None:
    class Twice(example):  # type: ignore[misc, valid-type]
        def __init__(self, *, task: str, source_channels: int, crop: int, width: int = 8) -> None:
            super().__init__(task=task, source_channels=source_channels, crop=crop, width=width)
            self.networks["again"] = self.networks["generator"]

    with pytest.raises(AssertionError, match="two entries"):
        register(Twice, "twice").test_registers_each_network_once()


def test_tiles_that_see_too_little_are_found(example: type[Recipe]) -> None:
    class Narrow(example):  # type: ignore[misc, valid-type]
        def __init__(self, *, task: str, source_channels: int, crop: int, width: int = 8) -> None:
            super().__init__(task=task, source_channels=source_channels, crop=crop, width=width)
            self.halo = 0

    with pytest.raises(AssertionError, match=r"margin of `halo` \(0\)"):
        register(Narrow, "narrow").test_tiles_equal_the_whole_picture()


def test_a_prediction_that_draws_is_found(example: type[Recipe]) -> None:
    class Draws(example):  # type: ignore[misc, valid-type]
        def predict(self, source: Tensor, conditions: Any) -> Tensor:
            return super().predict(source, conditions) + 0.01 * torch.randn(())

    with pytest.raises(AssertionError):
        register(Draws, "draws").test_prediction_repeats_and_draws_no_random_numbers()


@pytest.mark.parametrize("model", ["regression", "siggraph17", "unit"])  # these begin as copies, or as grey
def test_an_ensemble_that_is_none_is_found(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def alone(predict: Any, picture: Tensor, conditions: Any, number: int) -> Tensor:
        return predict(picture, conditions)

    monkeypatch.setattr("nirgan.inference.run.mean_over_symmetries", alone)
    with pytest.raises(AssertionError):
        conformance(model)().test_an_ensemble_turns_with_the_picture()


def test_frozen_networks_must_stay_as_they_are(example: type[Recipe]) -> None:
    class Drifts(example):  # type: ignore[misc, valid-type]
        def __init__(self, *, task: str, source_channels: int, crop: int, width: int = 8) -> None:
            super().__init__(task=task, source_channels=source_channels, crop=crop, width=width)
            self.networks["frozen"] = nn.Conv2d(1, 1, 1)

        def forward(self, batch: Any, at: Any) -> Any:
            with torch.no_grad():
                self.networks["frozen"].weight.add_(1)
            return super().forward(batch, at)

    with pytest.raises(AssertionError, match=r"networks\.frozen\.weight"):
        register(Drifts, "drifts").test_networks_that_no_phase_trains_stay_as_they_are()
