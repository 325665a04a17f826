"""Blocks of networks of every kind, and what comes out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nirgan.config import resolve_config
from nirgan.errors import NirganError
from nirgan.generators.colornet import ColorNet
from nirgan.generators.resnet import ResNetGenerator
from nirgan.generators.triplet import TripletGenerator
from nirgan.generators.unet import UNet
from nirgan.generators.unit import UnitDecoder, UnitEncoder, unit_block
from nirgan.layers.reach import round_up
from nirgan.models import create_model, list_models, recipe_class
from nirgan.models.options import offline_options
from nirgan.models.recipe import At, Recipe, Views
from nirgan.probe.blocks import NUMBERS, find_blocks, named_blocks, pooled, watched
from nirgan.registry import MODELS


class Holder(Recipe):
    """Networks in a row."""

    def __init__(self, **networks: nn.Module) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(networks)
        self.translates_with = tuple(networks)

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        return {}

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        for network in self.networks.values():
            source = network(source)
        return source

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw


def blocks_of(network: nn.Module) -> list[str]:
    return [path.removeprefix("generator.") for path in find_blocks(Holder(generator=network))]


def test_a_unets_levels_are_its_blocks() -> None:
    unet = UNet(1, 3, channels=(4, 8, 8))
    assert blocks_of(unet) == ["encoder.0", "encoder.1", "encoder.2", "decoder.0", "decoder.1", "out"]
    with_bottom = UNet(1, 3, channels=(4, 8), residual_blocks=2)
    assert blocks_of(with_bottom) == ["encoder.0", "encoder.1", "bottom", "decoder.0", "out"]


def test_in_a_sequence_norms_and_activations_belong_to_the_convolution_before() -> None:
    network = ResNetGenerator(1, 3, width=4, residual_blocks=2)
    names = ["body.0", "body.3", "body.6", "body.9", "body.10", "body.11", "body.14", "body.17"]
    assert blocks_of(network) == names
    blocks = find_blocks(Holder(generator=network))
    assert blocks["generator.body.0"] is network.body[2]
    assert isinstance(network.body[2], nn.ReLU)
    assert blocks["generator.body.9"] is network.body[9]
    assert blocks["generator.body.17"] is network.body[17]


def test_networks_of_several_parts() -> None:
    levels = [*(f"encoder.{n}" for n in range(5)), *(f"decoder.{n}" for n in range(4))]
    assert blocks_of(ColorNet(width=4)) == [*levels, "out"]
    branches = [f"branches.{n}.{part}" for n in range(3) for part in ("first", "body", "last")]
    assert blocks_of(TripletGenerator(1, width=4)) == branches
    unit = Holder(encoder=UnitEncoder(1, width=4), shared=unit_block(16), decoder=UnitDecoder(3, width=4))
    paths = list(find_blocks(unit))
    assert paths[:6] == [f"encoder.{n}" for n in (0, 2, 4, 6, 7, 8)]
    assert paths[6] == "shared"  # too small to come apart
    assert paths[7:] == [f"decoder.body.{n}" for n in (0, 1, 2, 3, 5, 7)]


def test_one_convolution_is_one_block() -> None:
    assert blocks_of(nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU())) == ["generator"]
    blocks = find_blocks(Holder(generator=nn.Conv2d(1, 3, 1), head=nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 2, 1))))
    assert list(blocks) == ["generator", "head"]


def test_recipes_without_networks_have_nothing_to_probe() -> None:
    with pytest.raises(NirganError, match="no network with features"):
        find_blocks(Holder(generator=nn.ReLU()))


def test_layers_are_found_by_name() -> None:
    recipe = Holder(generator=UNet(1, 3, channels=(4, 8)))
    assert list(named_blocks(recipe, ["generator.encoder.1", "generator"])) == ["generator.encoder.1", "generator"]
    with pytest.raises(NirganError, match=r"did you mean 'generator\.encoder\.1'"):
        named_blocks(recipe, ["generator.encode.1"])


@pytest.mark.parametrize(
    ("shape", "channels", "cells"),
    [
        ((2, 96, 55, 55), 96, 100),  # the grids of Zhang et al.: 10×10, 6×6, 5×5
        ((2, 256, 27, 27), 256, 36),
        ((2, 384, 13, 13), 384, 25),
        ((2, 3, 256, 256), 3, 55 * 55),
        ((2, 3, 32, 48), 3, 32 * 48),  # never enlarged
        ((2, 20_000, 4, 4), 20_000, 1),
        ((2, 512), 512, 1),
    ],
)
def test_every_probe_sees_about_as_many_numbers(shape: tuple[int, ...], channels: int, cells: int) -> None:
    features = torch.rand(shape)
    result = pooled(features)
    assert result.shape == (2, channels, cells)
    torch.testing.assert_close(result.mean(dim=2), features.reshape(2, channels, -1).mean(dim=2), atol=0.06, rtol=0)
    if channels in (96, 256, 384):
        assert abs(channels * cells - NUMBERS) < 0.05 * NUMBERS


def test_what_a_block_gave_is_kept_before_later_layers_work_in_place() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(inplace=True), nn.Conv2d(2, 1, 1))
    source = torch.randn(3, 1, 8, 8)
    expected = network[0](source)
    with torch.no_grad(), watched({"first": network[0], "never": nn.Conv2d(1, 1, 1)}) as seen:
        network(source)
    assert list(seen) == ["first"]
    torch.testing.assert_close(seen["first"], expected.flatten(2))
    seen.clear()
    network(source)
    assert not seen  # nothing is watched any more


OURS = [
    name
    for name in list_models()
    if (entry := MODELS.loaded(name)) is not None and entry.build.__module__.startswith("nirgan.")
]


@pytest.mark.parametrize("name", OURS)
def test_every_recipe_with_networks_has_blocks_that_run(name: str) -> None:
    config = resolve_config({"model": name, "preset": "tiny"})
    options = {**config.options, **offline_options(recipe_class(name))}
    recipe = create_model(name, task=config.task, crop=config.crop, **options).eval()
    if not any(path.partition(".")[0] in recipe.networks for path in recipe.translates_with):
        pytest.skip("has no network")
    side = round_up(max(32, recipe.smallest), recipe.stride)
    blocks = find_blocks(recipe)
    with torch.no_grad(), watched(blocks) as seen:
        recipe.predict(torch.rand(2, 1, side, side), {})
    assert len(seen) >= 2
    assert all(len(features) == 2 and features.isfinite().all() for features in seen.values())
