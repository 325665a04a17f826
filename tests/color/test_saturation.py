"""Stronger and weaker colours of finished pictures."""

from __future__ import annotations

import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor

from nirgan.color.saturation import check_saturation, saturate
from nirgan.errors import NirganError


def lab_of(rgb: Tensor) -> Tensor:
    """An independent conversion: (3,H,W) to (3,H,W)."""
    return torch.from_numpy(rgb2lab(rgb.permute(1, 2, 0).double().numpy())).permute(2, 0, 1)


@pytest.fixture
def muted() -> Tensor:
    """Colours near grey, whose doubles can be shown."""
    torch.manual_seed(0)
    return 0.3 + 0.4 * torch.rand(1, 1, 12, 9) + 0.05 * torch.rand(1, 3, 12, 9)


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_a_and_b_are_multiplied_and_lightness_stays(muted: Tensor, factor: float) -> None:
    before, after = lab_of(muted[0]), lab_of(saturate(muted, factor)[0])
    assert (after[0] - before[0]).abs().max() < 0.01
    assert (after[1:] - factor * before[1:]).abs().max() < 0.05
    assert before[1:].abs().max() > 2


@pytest.mark.parametrize("factor", [0.3, 0.5, 0.9])
def test_paler_colours_of_all_that_screens_show(factor: float) -> None:
    levels = torch.linspace(0, 1, 9)
    every = torch.stack(torch.meshgrid(levels, levels, levels, indexing="ij")).reshape(1, 3, 9, 81)
    before, after = lab_of(every[0]), lab_of(saturate(every, factor)[0])
    assert (after[0] - before[0]).abs().max() < 0.3
    assert (after[1:] - factor * before[1:]).norm(dim=0).max() < 1.5  # yellow, whose half sRGB just misses


def test_what_a_screen_cannot_show_keeps_its_lightness_and_hue() -> None:
    brick = torch.tensor([0.7, 0.35, 0.25]).view(1, 3, 1, 1)
    before, after = lab_of(brick[0]).flatten(), lab_of(saturate(brick, 8.0)[0]).flatten()
    assert abs(after[0] - before[0]) < 0.5
    assert torch.atan2(after[2], after[1]) == pytest.approx(float(torch.atan2(before[2], before[1])), abs=0.01)
    assert 1.2 < after[1:].norm() / before[1:].norm() < 8


def test_black_white_and_greys_stay() -> None:
    levels = torch.linspace(0, 1, 17).view(1, 1, 1, 17).expand(1, 3, 1, 17)
    assert torch.allclose(saturate(levels, 3.0), levels, atol=1e-3)


def test_one_is_the_picture_itself() -> None:
    picture = torch.rand(1, 3, 4, 4)
    assert saturate(picture, 1.0) is picture


@pytest.mark.parametrize("factor", [-0.1, 10.5, float("nan"), float("inf"), True])
def test_what_is_no_factor_is_refused(factor: float) -> None:
    with pytest.raises(NirganError, match=r"saturation is .*, but must be from 0 \(grey\) to 10"):
        check_saturation(factor)
