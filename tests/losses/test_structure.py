"""Correlation of edges."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nirgan.losses.structure import structure


@pytest.fixture
def picture() -> Tensor:
    torch.manual_seed(0)
    blocks = torch.rand(2, 1, 9, 9).repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    return blocks[..., :64, :64]


def test_a_picture_agrees_with_itself_its_negative_and_another_contrast(picture: Tensor) -> None:
    for other in (picture, 1 - picture, 0.5 * picture + 0.3, picture.expand(-1, 3, -1, -1)):
        assert float(structure(picture, other)) == pytest.approx(0, abs=5e-3)


def test_nothing_in_common(picture: Tensor) -> None:
    assert float(structure(picture, torch.rand(2, 3, 64, 64))) == pytest.approx(1, abs=0.15)
    assert float(structure(picture, torch.zeros(2, 3, 64, 64))) == pytest.approx(1, abs=1e-3)


def test_it_grows_with_the_shift(picture: Tensor) -> None:
    losses = [float(structure(picture[..., :-8], picture[..., shift : 56 + shift])) for shift in (0, 1, 2, 4)]
    assert losses == sorted(losses)
    assert losses[1] > 0.02


def test_gradients_are_finite_on_a_flat_picture() -> None:
    flat = torch.full((1, 1, 32, 32), 0.5, requires_grad=True)
    structure(flat, torch.rand(1, 3, 32, 32)).backward()
    assert flat.grad is not None
    assert bool(flat.grad.isfinite().all())
