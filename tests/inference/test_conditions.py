from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toy_recipes import build

from nirgan.data.sample import Pairing, Sample
from nirgan.errors import NirganError
from nirgan.inference.conditions import parse_conditions, resolve_conditions, sample_conditions
from nirgan.inference.run import translate_source
from nirgan.models.recipe import Condition


def test_a_sample_tells_the_recipe_what_it_declares_and_no_more() -> None:
    extras = {"noise": 0.5, "label": 3}  # `label` is for a loss; the toy declares `noise` and `noise_seed`
    sample = Sample(torch.zeros(1, 4, 4), None, Pairing.UNPAIRED, "set/a", Path("a.png"), 1.0, extras=extras)
    recipe = build("toy-copy")
    assert sample_conditions(recipe, sample) == {"noise": 0.5}
    assert translate_source(recipe, sample.source, sample_conditions(recipe, sample)).max() > 0
    assert sample_conditions(build("toy-batch"), sample) == {}


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_numbers_must_be_above_what_a_condition_says(value: float) -> None:
    recipe = build("toy-copy")
    recipe.conditions = (Condition("heat", float, 0.5, "", above=0.0),)
    assert parse_conditions(recipe, {"heat": "0.1"}) == resolve_conditions(recipe, {"heat": 0.1}) == {"heat": 0.1}
    assert resolve_conditions(recipe, {"heat": 1}) == {"heat": 1}
    with pytest.raises(NirganError, match=f"--heat is {value}, but must be above 0"):
        parse_conditions(recipe, {"heat": str(value)})
    with pytest.raises(NirganError, match=f"'heat' is {value}, but must be above 0"):
        resolve_conditions(recipe, {"heat": value})
