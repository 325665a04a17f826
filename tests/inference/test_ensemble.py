"""The mean over a picture's symmetries: which there are, what turns with them, and what stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from command_line import Nirgan
from torch import Tensor, nn
from toy_recipes import Toy, build, save_toy

import nirgan as package
from nirgan import Hint
from nirgan.color.lab import rgb_to_lab
from nirgan.errors import NirganError
from nirgan.inference.ensemble import SYMMETRIES, parse_ensemble
from nirgan.inference.run import translate_source
from nirgan.models.hints import HINTS
from nirgan.models.keeps_lightness import KeepsLightness
from nirgan.models.recipe import At, Views

NUMBERS = (2, 4, 8)


def picture(height: int, width: int) -> Tensor:
    return torch.rand(1, height, width, generator=torch.Generator().manual_seed(0))


# --- the symmetries ---------------------------------------------------------------------------------------------------


def test_the_eight_ways_to_lay_a_picture() -> None:
    laid = [symmetry.turn(torch.tensor([[1, 2, 3], [4, 5, 6]])).tolist() for symmetry in SYMMETRIES]
    assert laid == [
        [[1, 2, 3], [4, 5, 6]],
        [[3, 2, 1], [6, 5, 4]],
        [[4, 5, 6], [1, 2, 3]],
        [[6, 5, 4], [3, 2, 1]],
        [[1, 4], [2, 5], [3, 6]],
        [[3, 6], [2, 5], [1, 4]],
        [[4, 1], [5, 2], [6, 3]],
        [[6, 3], [5, 2], [4, 1]],
    ]


@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_turning_back_undoes_turning(symmetry: Any) -> None:
    source = picture(5, 7)[None]
    assert torch.equal(symmetry.back(symmetry.turn(source)), source)


@pytest.mark.parametrize("number", NUMBERS)
def test_two_symmetries_of_an_ensemble_make_a_third_of_it(number: int) -> None:
    square = torch.arange(9).view(3, 3)
    laid = {tuple(symmetry.turn(square).flatten().tolist()) for symmetry in SYMMETRIES[:number]}
    assert len(laid) == number
    for one in SYMMETRIES[:number]:
        for other in SYMMETRIES[:number]:
            assert tuple(other.turn(one.turn(square)).flatten().tolist()) in laid


# --- the mean ---------------------------------------------------------------------------------------------------------


class Columns(Toy):
    """Answers with the number of each column, whatever the source shows; notes the sizes it is asked for."""

    def build(self, channels: int) -> nn.Module:
        self.seen: list[tuple[int, int]] = []
        return nn.Conv2d(channels, 1, 1)

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        height, width = source.shape[-2:]
        self.seen.append((height, width))
        return torch.arange(float(width)).expand(1, 3, height, width)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (2, 4.5),  # columns 0 to 9 from the left and from the right
        (4, 4.5),
        (8, 3.5),  # four times these, and four times rows 0 to 5 from both ends, which are columns once rotated
    ],
)
def test_the_mean_of_what_depends_on_the_place_alone(number: int, expected: float) -> None:
    recipe = Columns().eval()
    output = translate_source(recipe, picture(6, 10), ensemble=number)
    assert output.shape == (3, 6, 10)
    assert torch.allclose(output, torch.full_like(output, expected))
    assert recipe.seen == [(6, 10)] * min(number, 4) + [(10, 6)] * (number - min(number, 4))


def test_turned_pictures_are_padded_as_pictures_of_their_size_are() -> None:
    recipe = Columns().eval()
    recipe.stride = 4
    translate_source(recipe, picture(6, 10), ensemble=8)
    assert recipe.seen == [(8, 12)] * 4 + [(12, 8)] * 4
    recipe.seen.clear()
    recipe.working_size = 12
    translate_source(recipe, picture(6, 10), ensemble=8)
    assert recipe.seen == [(12, 20)] * 4 + [(20, 12)] * 4


def test_one_is_the_plain_answer() -> None:
    recipe = Columns().eval()
    assert torch.equal(translate_source(recipe, picture(3, 4), ensemble=1)[0, 0], torch.arange(4.0))
    assert len(recipe.seen) == 1


class Pointwise(Toy):
    """Sees one pixel: what it answers turns with the picture."""

    stride = 8

    def build(self, channels: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, 8, 1), nn.Tanh(), nn.Conv2d(8, 3, 1))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (13, 7), (16, 24)])
def test_a_network_that_sees_points_alone_answers_the_same(number: int, size: tuple[int, int]) -> None:
    recipe, source = Pointwise().eval(), picture(*size)
    assert torch.allclose(
        translate_source(recipe, source, ensemble=number), translate_source(recipe, source), atol=1e-6
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_the_mean_turns_with_the_picture(number: int) -> None:
    recipe, source = build("toy-batch"), picture(37, 22)  # sides that have to be padded
    upright, plain = translate_source(recipe, source, ensemble=number), translate_source(recipe, source)
    for symmetry in SYMMETRIES[1:number]:
        turned = translate_source(recipe, symmetry.turn(source), ensemble=number)
        assert torch.allclose(symmetry.back(turned), upright, atol=1e-5)
        assert not torch.allclose(symmetry.back(translate_source(recipe, symmetry.turn(source))), plain, atol=1e-4)


def test_tiles_of_an_ensemble_equal_the_whole_picture() -> None:
    recipe, source = build("toy-batch"), picture(97, 150)
    whole, tiled = (translate_source(recipe, source, tile=tile, ensemble=8) for tile in (0, 64))
    assert (whole - tiled).abs().max() < 1e-5


@pytest.mark.parametrize("number", [0, 3, 5, 16, -1, True, 2.5])
def test_other_numbers_are_refused(number: Any) -> None:
    with pytest.raises(NirganError, match=r"there are 1 \(the picture alone\), 2"):
        translate_source(build("toy-copy"), picture(4, 4), ensemble=number)


def test_options_say_how_many() -> None:
    assert [parse_ensemble(*given) for given in ((False, None), (True, None), (True, 8), (False, 2))] == [1, 2, 8, 2]
    for wanted in (False, True):
        with pytest.raises(NirganError, match="--symmetries 1 is no ensemble: give 2, 4 or 8"):
            parse_ensemble(wanted, 1)


# --- what recipes keep and are told -----------------------------------------------------------------------------------


class Tinted(KeepsLightness):
    """Any colours, drawn by a network that sees what is around a pixel."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.networks = nn.ModuleDict({"generator": nn.Conv2d(1, 2, 3, padding=1)})

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        return {}

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        return 60 * self.networks["generator"](source)


def test_lightness_is_kept() -> None:
    recipe, source = Tinted().eval(), picture(24, 17)
    plain, mean = translate_source(recipe, source), translate_source(recipe, source, ensemble=8)
    assert not torch.allclose(mean, plain, atol=1e-3)
    assert (rgb_to_lab(mean[None])[0, 0] - 100 * source[0]).abs().max() < 0.5


class Shown(Toy):
    """Answers where the hints are."""

    conditions = (HINTS,)
    stride = 8

    def build(self, channels: int) -> nn.Module:
        return nn.Conv2d(channels, 3, 1)

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        assert conditions["hints"].shape[-2:] == source.shape[-2:]
        return conditions["hints"][:, 2:].expand(-1, 3, -1, -1)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw


def test_hints_turn_with_the_picture() -> None:
    recipe, told = Shown().eval(), {"hints": [Hint(50, 11, "#ff0000", radius=1), Hint(3, 30, "#00ff00", radius=0)]}
    plain, mean = (translate_source(recipe, picture(41, 60), told, ensemble=number) for number in (1, 8))
    assert plain[0].sum() == 9 + 1
    assert torch.equal(mean, plain)


def test_the_noise_seed_is_the_same_for_each() -> None:
    recipe, source = build("toy-copy"), picture(9, 6) / 2
    told = {"noise": 0.4, "noise_seed": 3}
    plain, mean = (translate_source(recipe, source, told, ensemble=number) for number in (1, 8))
    assert torch.allclose(mean, plain, atol=1e-6)  # its noise is one number for all of a picture
    assert not torch.allclose(mean, translate_source(recipe, source, {**told, "noise_seed": 4}, ensemble=8), atol=1e-3)


# --- as people ask for it ---------------------------------------------------------------------------------------------


def test_a_translator_and_the_command_line_take_it(nirgan: Nirgan, tmp_path: Path) -> None:
    weights = save_toy(tmp_path / "w.safetensors", "toy-batch")
    pixels = np.random.default_rng(0).integers(0, 256, (21, 34), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    made = {number: package.load(weights, device="cpu", ensemble=number).translate(pixels) for number in (1, 2, 4, 8)}
    assert len({picture.tobytes() for picture in made.values()}) == 4
    for number, options in (
        (1, ()),
        (2, ("--ensemble",)),
        (4, ("--symmetries", 4)),
        (8, ("--ensemble", "--symmetries=8")),
    ):
        out = tmp_path / str(number)
        assert nirgan("translate", "a.png", "--weights", weights, "--out", out, "--device", "cpu", *options).code == 0
        assert np.array_equal(cv2.imread(str(out / "a.png"))[..., ::-1], made[number])
    refused = nirgan("translate", "a.png", "--weights", weights, "--symmetries", 3).refused
    assert refused.startswith("an ensemble of 3 symmetries")
    assert not (tmp_path / "translated").exists()
