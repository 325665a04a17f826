"""Every recipe for gray2rgb keeps the lightness that it is given, but for those that draw all three channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nirgan.color import gray_to_lightness, lightness
from nirgan.config import resolve_config
from nirgan.inference.translator import Translator
from nirgan.models import create_model, list_models, recipe_class
from nirgan.models.options import offline_options
from nirgan.models.paired_unet import PairedUNet
from nirgan.models.recipe import Recipe
from nirgan.models.weights import describe
from nirgan.testing import synthetic_samples

DRAW_ALL_THREE = ("asym-cyclegan", "cyclegan", "s-shape", "unit")
"""Made for NIR: they take lightness for a source like another. The table of models in README.md says so."""
GRAY = [
    name
    for name in list_models()
    if recipe_class(name).__module__.startswith("nirgan.models.") and "gray2rgb" in recipe_class(name).tasks
]
KEEP = [name for name in GRAY if name not in DRAW_ALL_THREE]
SIZES = [(33, 57), (70, 31), (1, 23), (2, 2)]


@pytest.fixture(scope="module", params=KEEP)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    """At its preset ``tiny``, with weights from seed 0 that nobody trained."""
    config = resolve_config({"model": request.param, "preset": "tiny", "task": "gray2rgb"})
    options = {**config.options, **offline_options(recipe_class(request.param))}
    torch.manual_seed(0)
    built = create_model(request.param, task="gray2rgb", crop=config.crop, **options)
    built.prepare(synthetic_samples(config.batch_size, config.crop, task="gray2rgb"))
    return built.eval().requires_grad_(False)


def translator(recipe: Recipe, wild: float, monkeypatch: pytest.MonkeyPatch, **given: Any) -> Translator:
    """Of a recipe whose raw output is exchanged for noise of a deviation of so many Lab units, or left (0)."""
    if wild:
        original = recipe.predict
        unit = 110 if isinstance(recipe, PairedUNet) else 1  # whose raw output is ab/110

        def noise(source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
            shape = original(source, conditions).shape
            return wild / unit * torch.randn(shape, generator=torch.Generator().manual_seed(1))

        monkeypatch.setattr(recipe, "predict", noise)
    return Translator(recipe, describe("tested", recipe), **given)


def grey_levels(size: tuple[int, int], largest: int) -> np.ndarray:
    """Every grey there is, black and white among them, in no order."""
    levels = np.random.default_rng(0).integers(0, largest + 1, size)
    levels.flat[0], levels.flat[-1] = 0, largest
    return levels


def lightness_of(picture: np.ndarray) -> np.ndarray:
    """L* of uint8 or uint16 pixels, RGB or grey, (H,W)."""
    unit = torch.from_numpy(picture / np.iinfo(picture.dtype).max)
    value = gray_to_lightness(unit) if unit.ndim == 2 else lightness(unit.permute(2, 0, 1))[0]
    return 100 * value.numpy()


@pytest.mark.parametrize("wild", [0.0, 40.0, 400.0])
@pytest.mark.parametrize("size", SIZES)
def test_eight_bits_are_at_most_half_a_unit_off(
    recipe: Recipe, size: tuple[int, int], wild: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = grey_levels(size, 255).astype(np.uint8)
    found = translator(recipe, wild, monkeypatch).translate(given)
    assert isinstance(found, np.ndarray)
    assert (found.shape, found.dtype) == ((*size, 3), np.uint8)
    assert np.abs(lightness_of(found) - lightness_of(given)).max() <= 0.5


@pytest.mark.parametrize("saturation", [0.6, 1.4])
def test_so_are_paler_and_stronger_colours(recipe: Recipe, saturation: float, monkeypatch: pytest.MonkeyPatch) -> None:
    given = grey_levels((33, 57), 255).astype(np.uint8)
    found = translator(recipe, 40.0, monkeypatch, saturation=saturation).translate(given)
    assert isinstance(found, np.ndarray)
    assert np.abs(lightness_of(found) - lightness_of(given)).max() <= 0.5


@pytest.mark.parametrize("wild", [0.0, 400.0])
def test_sixteen_bits_too(recipe: Recipe, wild: float, monkeypatch: pytest.MonkeyPatch) -> None:
    given = grey_levels((33, 57), 65535).astype(np.uint16)
    found = translator(recipe, wild, monkeypatch).translate(given)
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.uint16
    assert np.abs(lightness_of(found) - lightness_of(given)).max() <= 0.05
    eight = np.rint(found / 257).astype(np.uint8)
    assert np.abs(lightness_of(eight) - lightness_of(given)).max() <= 0.5


def test_wild_outputs_are_in_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above would be passed by grey pictures, too."""
    pix2pix = create_model("pix2pix", task="gray2rgb", crop=32, width=4).eval()
    given = np.full((40, 40), 128, np.uint8)
    found = translator(pix2pix, 40.0, monkeypatch).translate(given)
    assert isinstance(found, np.ndarray)
    assert np.ptp(found, axis=2).mean() > 30


def test_the_others_are_still_there() -> None:
    assert set(DRAW_ALL_THREE) <= set(GRAY)
    assert len(KEEP) >= 4
