"""Stronger and weaker colours of finished pictures."""

from __future__ import annotations

import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor

from nirgan.color import saturation
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


@pytest.fixture
def every() -> Tensor:
    """Colours from all over sRGB, its corners among them."""
    levels = torch.linspace(0, 1, 13)
    return torch.stack(torch.meshgrid(levels, levels, levels, indexing="ij")).reshape(1, 3, 13, 169)


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_a_and_b_are_multiplied_and_lightness_stays(muted: Tensor, factor: float) -> None:
    before, after = lab_of(muted[0]), lab_of(saturate(muted, factor)[0])
    assert (after[0] - before[0]).abs().max() < 0.01
    assert (after[1:] - factor * before[1:]).abs().max() < 0.05
    assert before[1:].abs().max() > 2


@pytest.mark.parametrize("factor", [0.3, 0.6, 0.9])
def test_paler_colours_of_all_that_screens_show(every: Tensor, factor: float) -> None:
    before, after = lab_of(every[0]), lab_of(saturate(every, factor)[0])
    assert (after[0] - before[0]).abs().max() < 0.3
    assert (after[1:] - factor * before[1:]).norm(dim=0).max() < 1.5  # yellow, whose half sRGB just misses


@pytest.mark.parametrize("factor", [1.01, 1.4, 2.0, 10.0])
def test_no_colour_gets_paler_darker_or_another_by_being_made_stronger(every: Tensor, factor: float) -> None:
    made = saturate(every, factor)
    before, after = lab_of(every[0]), lab_of(made[0])
    assert (after[0] - before[0]).abs().max() < 0.1
    chroma, stronger = before[1:].norm(dim=0), after[1:].norm(dim=0)
    assert (stronger - chroma).min() > -0.1
    coloured = chroma > 5
    turned = torch.atan2(after[2], after[1]) - torch.atan2(before[2], before[1])
    assert torch.sin(turned)[coloured].abs().max() < 0.01
    # Where less came out than was asked for, the last of red, green and blue is used up.
    short = coloured & (stronger < 0.99 * factor * chroma)
    used_up = torch.minimum(made[0], 1 - made[0]).amin(dim=0)
    assert (used_up[short] < 0.02).all()
    assert bool(short.any()) == (factor > 1.01)


@pytest.mark.parametrize("factor", [0.0, 0.4, 3.0, 10.0])
def test_greys_stay_exactly_and_none_is_left_coloured_at_zero(every: Tensor, factor: float) -> None:
    levels = torch.linspace(0, 1, 4096).view(1, 1, 16, 256).expand(1, 3, 16, 256)
    assert torch.equal(saturate(levels, factor), levels)
    red, green, blue = saturate(every, 0.0)[0]
    assert torch.equal(red, green)
    assert torch.equal(red, blue)


def test_one_is_the_picture_itself() -> None:
    picture = torch.rand(1, 3, 4, 4)
    assert saturate(picture, 1.0) is picture


def test_strips_make_no_difference(every: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = saturate(every, 1.7)
    monkeypatch.setattr(saturation, "_STRIP", 169 * 2)
    assert torch.allclose(saturate(every, 1.7), whole, atol=1e-6)


@pytest.mark.parametrize("factor", [-0.1, 10.5, float("nan"), float("inf"), True, "1.4", None])
def test_what_is_no_factor_is_refused(factor: float) -> None:
    with pytest.raises(NirganError, match=r"saturation is .*, but must be from 0 \(grey\) to 10"):
        check_saturation(factor)
