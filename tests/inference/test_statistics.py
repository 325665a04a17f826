from __future__ import annotations

import logging

import pytest
import torch
from torch import nn
from toy_recipes import build

from nirgan.errors import NirganError
from nirgan.inference.predict import untileable
from nirgan.inference.run import translate_source
from nirgan.inference.statistics import picture_norms, predict_tiles_alike
from nirgan.inference.tiling import plan_tiles, predict_tiles
from nirgan.models import create_model


@pytest.fixture
def gradient() -> torch.Tensor:
    """A picture whose tiles differ in brightness and contrast, (1, 150, 203)."""
    torch.manual_seed(0)
    ramp = torch.linspace(0, 1, 203).expand(150, 203)
    return (ramp + ramp * 0.4 * torch.rand(150, 203)).clamp(0, 1)[None]


def test_instance_and_group_norms_see_the_whole_picture(gradient: torch.Tensor) -> None:
    recipe = build("toy-instance")
    whole = translate_source(recipe, gradient, tile=0)
    tiles = plan_tiles(150, 203, side=64, stride=4, halo=16)
    padded = torch.nn.functional.pad(gradient[None], (0, 1, 0, 2), mode="reflect")
    naive = torch.sigmoid(predict_tiles(lambda tile, *_: recipe.predict(tile, {}), padded, tiles))[0, :, :150, :203]
    assert (naive - whole).abs().max() > 0.02
    assert (translate_source(recipe, gradient, tile=64) - whole).abs().max() < 1e-5


def test_the_unet_of_pix2pix_with_instance_norm(gradient: torch.Tensor) -> None:
    recipe = create_model("pix2pix", crop=64, levels=3, width=8, norm="instance", dropout="none").eval()
    with torch.no_grad():
        for weight in recipe.parameters():  # fresh weights are so small that every picture comes out grey
            weight *= 20
    whole = translate_source(recipe, gradient, tile=0)
    assert whole.std() > 0.05
    assert 3 * recipe.halo <= 120
    assert (translate_source(recipe, gradient, tile=120) - whole).abs().max() < 1e-4


def test_tiles_below_the_halo_stay_close(gradient: torch.Tensor) -> None:
    recipe = build("toy-instance")
    whole = translate_source(recipe, gradient, tile=0)
    assert 0 < (translate_source(recipe, gradient, tile=40) - whole).abs().mean() < 0.001


def test_a_norm_that_is_called_twice_has_statistics_for_each_call() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.InstanceNorm2d(1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(torch.exp(self.norm(x)))

    net, source = Twice(), torch.rand(1, 1, 64, 96) * torch.linspace(0, 1, 96)
    tiles = plan_tiles(64, 96, side=32, stride=1, halo=0)
    assert torch.allclose(predict_tiles_alike(lambda tile, *_: net(tile), [net], source, tiles), net(source), atol=1e-5)


def test_norms_are_put_back_whatever_happens(gradient: torch.Tensor) -> None:
    recipe = build("toy-instance")
    before = translate_source(recipe, gradient, tile=0)
    translate_source(recipe, gradient, tile=64)
    tiles = plan_tiles(64, 96, side=32, stride=4, halo=0)
    with pytest.raises(ZeroDivisionError):
        predict_tiles_alike(lambda tile, *_: tile / (1 // 0), [recipe], torch.rand(1, 1, 64, 96), tiles)
    assert all("forward" not in norm.__dict__ for norm in picture_norms(recipe))
    assert torch.equal(translate_source(recipe, gradient, tile=0), before)


def test_running_statistics_are_left_alone() -> None:
    assert picture_norms(nn.Sequential(nn.InstanceNorm2d(3, track_running_stats=True), nn.BatchNorm2d(3))) == []


def test_other_global_layers_are_tiled_only_on_demand_and_said(
    gradient: torch.Tensor, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = build("toy-pool")
    assert untileable(recipe) == "the layer generator looks at the whole picture"
    whole = translate_source(recipe, gradient, tile=0)
    assert torch.equal(translate_source(recipe, gradient, budget=1), whole)
    with caplog.at_level(logging.WARNING):
        tiled = translate_source(recipe, gradient, tile=32)
    assert "the layer generator looks at the whole picture, so tiles differ" in caplog.text
    assert (tiled - whole).abs().max() > 0.02


def test_a_global_layer_is_named_by_its_place() -> None:
    recipe = build("toy-batch")
    assert untileable(recipe) == ""
    recipe.networks["generator"].append(nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1)))  # type: ignore[operator]
    last = len(recipe.networks["generator"]) - 1  # type: ignore[arg-type]
    assert untileable(recipe) == f"the layer generator.{last}.1 looks at the whole picture"


@pytest.mark.parametrize(
    ("test_mode", "norm", "sizes"),
    [
        ("paper", "batch", {(64, 96)}),  # batch statistics of each tile would differ
        ("eval", "batch", {(32, 32)}),
        ("eval", "instance", {(32, 32)}),  # with the statistics of the whole picture in each
    ],
)
def test_own_tiles_give_way_to_statistics_of_the_whole_picture(test_mode: str, norm: str, sizes: set) -> None:
    recipe = create_model("pix2pix", crop=32, width=4, dropout="none", test_mode=test_mode, norm=norm).eval()
    assert recipe.tile == 32
    predict, seen = recipe.predict, []
    recipe.predict = lambda source, conditions: seen.append(tuple(source.shape[-2:])) or predict(source, conditions)  # type: ignore
    translate_source(recipe, torch.rand(1, 64, 96))
    assert set(seen) == sizes


def test_an_answer_that_is_no_picture_cannot_be_tiled() -> None:
    tiles = plan_tiles(64, 96, side=32, stride=4, halo=0)
    with pytest.raises(NirganError, match="--tile 0"):
        predict_tiles(lambda tile, *_: tile[..., :1, :3], torch.rand(1, 1, 64, 96), tiles)
