"""Presets and experiment files: complete, valid and buildable."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nirgan.config import read_yaml, resolve_config
from nirgan.models import create_model, list_models, recipe_class
from nirgan.models.untrained import Untrained

MODELS = [name for name in list_models() if recipe_class(name).__module__.startswith("nirgan.models.")]
EXPERIMENTS = sorted((Path(__file__).parents[2] / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("preset", ["paper", "small", "tiny"])
def test_a_preset_is_a_valid_run(model: str, preset: str) -> None:
    config = resolve_config({"model": model, "preset": preset})
    assert [config.steps, config.epochs, config.minutes].count(None) == 2
    with torch.device("meta"):
        recipe = create_model(model, task=config.task, crop=config.crop, **config.options)
    assert config.crop % recipe.stride == 0


@pytest.mark.parametrize("model", MODELS)
def test_presets_grow(model: str) -> None:
    sizes = []
    for preset in ("tiny", "small", "paper"):
        config = resolve_config({"model": model, "preset": preset})
        with torch.device("meta"):
            recipe = create_model(model, crop=config.crop, **config.options)
        sizes.append(sum(p.numel() for p in recipe.parameters()))
    assert sizes == sorted(sizes)
    assert sizes[0] < 500_000


@pytest.mark.parametrize("model", MODELS)
def test_there_is_a_card(model: str) -> None:
    folder = Path(__file__).parents[2] / "nirgan" / "models" / model.replace("-", "_")
    card = (folder / "README.md").read_text(encoding="utf-8")
    for section in ("## Networks", "## Loss", "## What the source says and what is ours", "## Licence"):
        assert section in card
    assert recipe_class(model).paper.split()[-1] in card


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.name)
def test_an_experiment_is_a_valid_run(path: Path) -> None:
    given = read_yaml(path)
    config = resolve_config(given, where=str(path))
    assert "seed" in given
    assert config.model in path.stem


def test_there_is_an_experiment_per_preset() -> None:
    wanted = {f"{model}.yaml" for model in MODELS}
    wanted |= {f"{model}-small.yaml" for model in MODELS if not issubclass(recipe_class(model), Untrained)}
    assert wanted <= {p.name for p in EXPERIMENTS}
