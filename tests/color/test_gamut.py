"""Colours that a screen can show, and how they get onto a larger picture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from nirgan.color.gamut import keep_lightness
from nirgan.color.guided import upsample_guided
from nirgan.color.lab import lab_to_rgb, lightness, rgb_to_lab
from nirgan.data.convert import to_target
from nirgan.data.files import read_picture


@pytest.fixture
def wild() -> tuple[Tensor, Tensor]:
    """Every lightness beside colours of which many are outside sRGB."""
    torch.manual_seed(0)
    return torch.rand(2, 1, 40, 40), 220 * torch.rand(2, 2, 40, 40) - 110


def hue(lab: Tensor) -> Tensor:
    return torch.atan2(lab[:, 2], lab[:, 1])


def test_lightness_survives_eight_bits(wild: tuple[Tensor, Tensor]) -> None:
    level, ab = wild
    rgb = keep_lightness(level, ab)
    assert rgb.min() >= 0
    assert rgb.max() <= 1
    stored = (rgb * 255).round() / 255
    assert (100 * (lightness(stored) - level)).abs().max() < 0.5
    clipped = (lab_to_rgb(torch.cat([100 * level, ab], dim=1)) * 255).round() / 255
    assert (100 * (lightness(clipped) - level)).abs().max() > 5  # what this is for


def test_hue_stays_and_chroma_is_as_large_as_it_can_be(wild: tuple[Tensor, Tensor]) -> None:
    level, ab = 0.1 + 0.8 * wild[0], wild[1]
    found = rgb_to_lab(keep_lightness(level, ab))
    chroma, wanted = found[:, 1:].norm(dim=1), ab.norm(dim=1)
    assert (chroma <= wanted + 0.05).all()
    reduced = chroma < wanted - 1
    assert 0.3 < reduced.float().mean() < 0.95
    turned = (hue(found) - torch.atan2(ab[:, 1], ab[:, 0]) + torch.pi) % (2 * torch.pi) - torch.pi
    assert turned[reduced & (chroma > 5)].abs().max() < 0.02
    further = torch.cat([100 * level, 1.01 * found[:, 1:]], dim=1)
    outside = (lab_to_rgb(further, clip=False) - 0.5).abs().amax(dim=1) > 0.5
    assert outside[reduced].float().mean() > 0.99


def test_colours_inside_are_left_alone() -> None:
    torch.manual_seed(1)
    rgb = torch.rand(1, 3, 16, 16)
    lab = rgb_to_lab(rgb)
    assert torch.allclose(keep_lightness(lab[:, :1] / 100, lab[:, 1:]), rgb, atol=2e-4)


def test_white_and_black_become_grey_and_no_number_stays_none() -> None:
    level = torch.tensor([0.0, 1.0, 0.5, 0.5]).view(1, 1, 1, 4)
    ab = torch.tensor([[60.0, -40.0], [60.0, -40.0], [torch.nan, 0.0], [0.0, torch.inf]]).T.view(1, 2, 1, 4)
    rgb = keep_lightness(level, ab)[0, :, 0]
    assert torch.allclose(rgb[:, 0], torch.zeros(3), atol=1e-3)
    assert torch.allclose(rgb[:, 1], torch.ones(3), atol=1e-3)
    assert rgb[:, 2:].isnan().all()


def test_colour_edges_fall_on_the_guides() -> None:
    """A small picture's soft edge becomes as sharp as the large one's."""
    guide = torch.full((1, 1, 64, 64), 0.3)
    guide[..., 29:] = 0.8  # not at a border of the small picture's pixels
    truth = torch.where(guide > 0.5, 40.0, -20.0)
    small = torch.nn.functional.interpolate(truth, size=(16, 16), mode="bilinear", antialias=True)
    plain = torch.nn.functional.interpolate(small, size=(64, 64), mode="bilinear")
    guided = upsample_guided(small, guide)
    assert guided.shape == guide.shape
    near = slice(24, 34)
    assert (guided - truth)[..., near].abs().mean() < 0.35 * (plain - truth)[..., near].abs().mean()
    assert (guided - truth).abs().mean() < 1.5


def test_a_flat_guide_gives_the_colours_back() -> None:
    small = torch.zeros(1, 2, 20, 20)
    small[..., 7:14, 7:14] = 60  # as large as a hint
    plain = torch.nn.functional.interpolate(small, size=(80, 80), mode="bilinear")
    assert torch.allclose(upsample_guided(small, torch.full((1, 1, 80, 80), 0.5)), plain, atol=1e-3)


def test_colours_of_a_textured_picture_are_no_worse_than_enlarged_plainly() -> None:
    """Colour and lightness vary apart from each other, as within most neighbourhoods of a photograph."""
    torch.manual_seed(2)
    waves = torch.rand(1, 3, 16, 16)
    lightness, a, b = torch.nn.functional.interpolate(waves, size=(128, 128), mode="bicubic").split(1, dim=1)
    guide = lightness.clamp(0, 1) + 0.03 * torch.randn(1, 1, 128, 128)
    truth = 60 * torch.cat([a, b], dim=1) - 30
    small = torch.nn.functional.interpolate(truth, size=(64, 64), mode="bilinear", antialias=True)
    plain = torch.nn.functional.interpolate(small, size=(128, 128), mode="bilinear")
    wrong, plainly_wrong = ((found - truth).norm(dim=1).mean() for found in (upsample_guided(small, guide), plain))
    assert wrong < 1.1 * plainly_wrong


def test_one_pixel_more_changes_little() -> None:
    torch.manual_seed(3)
    colours, guide = 40 * torch.randn(1, 2, 32, 32), torch.rand(1, 1, 32, 33)
    wider = torch.nn.functional.interpolate(colours, size=(32, 33), mode="bilinear")
    assert (upsample_guided(colours, guide) - wider).abs().mean() < 3


@pytest.mark.parametrize("name", ["bsd_0000.png", "kodim01.png", "kodim23.png"])
def test_true_colours_of_a_photograph_survive_their_half(real_data: Path, name: str) -> None:
    path = real_data / "photos" / name
    rgb = torch.from_numpy(to_target(read_picture(path), path))[None]
    height, width = rgb.shape[-2:]
    size = (height // 2, width // 2)
    small = rgb_to_lab(torch.nn.functional.interpolate(rgb, size=size, mode="bilinear", antialias=True))[:, 1:]
    plain = torch.nn.functional.interpolate(small, size=(height, width), mode="bilinear")
    truth = rgb_to_lab(rgb)[:, 1:]
    guided = upsample_guided(small, lightness(rgb))
    assert (guided - truth).norm(dim=1).mean() < 1.1 * (plain - truth).norm(dim=1).mean()


def test_equal_sizes_are_left_alone() -> None:
    colours = torch.randn(1, 2, 8, 8)
    assert torch.equal(upsample_guided(colours, torch.rand(1, 1, 8, 8)), colours)
