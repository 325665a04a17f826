from __future__ import annotations

from pathlib import Path

import torch
from toy_recipes import build

from nirgan.data.sample import Pairing, Sample
from nirgan.inference.conditions import sample_conditions
from nirgan.inference.run import translate_source


def test_a_sample_tells_the_recipe_what_it_declares_and_no_more() -> None:
    extras = {"noise": 0.5, "label": 3}  # `label` is for a loss; the toy declares `noise` and `noise_seed`
    sample = Sample(torch.zeros(1, 4, 4), None, Pairing.UNPAIRED, "set/a", Path("a.png"), 1.0, extras=extras)
    recipe = build("toy-copy")
    assert sample_conditions(recipe, sample) == {"noise": 0.5}
    assert translate_source(recipe, sample.source, sample_conditions(recipe, sample)).max() > 0
    assert sample_conditions(build("toy-batch"), sample) == {}
