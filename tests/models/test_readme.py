"""The recipe in the README works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import torch

import nirgan.models
from nirgan.registry import MODELS


def test_the_smallest_recipe_trains_and_translates(batch, train_step, monkeypatch) -> None:
    readme = Path(nirgan.models.__file__).with_name("README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    MODELS.names()
    monkeypatch.setattr(MODELS, "_entries", dict(MODELS._entries))  # leaves the registry as it was
    scope: dict = {"__name__": "smallest"}
    exec(code, scope)  # our own file
    torch.manual_seed(0)
    recipe = nirgan.models.create_model("unet-l1", crop=32, width=8)
    losses = [train_step(recipe, batch(4, 32), step)["generator/l1"] for step in range(20)]
    assert losses[-1] < 0.7 * losses[0]
    source = torch.rand(1, 1, 48, 64)
    assert recipe.eval().compose(source, recipe.predict(source, {})).shape == (1, 3, 48, 64)
