"""Hue and chroma, against Python's own HSV and by hand."""

from __future__ import annotations

import colorsys

import pytest
import torch
from torch import Tensor

from nirgan.color.hue_chroma import hue_chroma, hue_chroma_to_rgb


@pytest.fixture
def colours() -> Tensor:
    """Random ones (1,3,200)."""
    return torch.rand(1, 3, 200, generator=torch.Generator().manual_seed(0))


def test_pure_hues() -> None:
    pure = [(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1)]
    hue, chroma = hue_chroma(torch.tensor(pure).float().T[None])
    assert torch.allclose(hue[0], torch.arange(6) / 6)
    assert torch.equal(chroma, torch.ones(1, 6))


def test_hue_is_hsvs(colours: Tensor) -> None:
    hue, chroma = hue_chroma(colours)
    for number, colour in enumerate(colours[0].T.tolist()):
        assert float(hue[0, number]) == pytest.approx(colorsys.rgb_to_hsv(*colour)[0], abs=1e-5)
        assert float(chroma[0, number]) == pytest.approx(max(colour) - min(colour), abs=1e-6)


def test_greys_have_no_chroma() -> None:
    hue, chroma = hue_chroma(torch.tensor([0.0, 0.3, 1.0]).expand(1, 3, 3))
    assert torch.equal(chroma, torch.zeros(1, 3))
    assert torch.equal(hue, torch.zeros(1, 3))


def test_the_mean_brings_colours_back(colours: Tensor) -> None:
    assert torch.allclose(hue_chroma_to_rgb(*hue_chroma(colours), colours.mean(dim=1)), colours, atol=1e-6)


def test_the_mean_is_kept_whatever_the_hue() -> None:
    hue, chroma, mean = torch.rand(3, 2, 5, 7, generator=torch.Generator().manual_seed(0))
    rgb = hue_chroma_to_rgb(hue, chroma, mean)
    assert torch.allclose(rgb.mean(dim=1), mean, atol=1e-6)
    assert torch.allclose(rgb.amax(dim=1) - rgb.amin(dim=1), chroma, atol=1e-6)


def test_it_is_the_papers_way_where_that_clips_nothing() -> None:
    """Value L + C/2, saturation 2C / (2L + C), and each pixel shifted to the mean."""
    for hue, chroma, mean in ((0.1, 0.3, 0.4), (0.45, 0.2, 0.5), (0.8, 0.5, 0.6), (0.99, 0.1, 0.2)):
        theirs = colorsys.hsv_to_rgb(hue, 2 * chroma / (2 * mean + chroma), mean + chroma / 2)
        shifted = [value + mean - sum(theirs) / 3 for value in theirs]
        ours = hue_chroma_to_rgb(*(torch.tensor([[value]]) for value in (hue, chroma, mean)))
        assert ours.flatten().tolist() == pytest.approx(shifted, abs=1e-6)
