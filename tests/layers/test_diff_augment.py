"""What a discriminator is shown in place of pictures."""

from __future__ import annotations

import pytest
import torch

from nirgan.layers.diff_augment import BRIGHTNESS, HOLE, SHIFT, Changes, changed, draw_changes


def random(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_shift_a_hole_and_a_level_by_hand() -> None:
    picture = torch.arange(12.0).view(1, 1, 3, 4)
    shown = torch.ones(1, 1, 3, 4)
    shown[..., 2, :] = 0  # what came in from outside
    shown[..., 0, 3] = 0  # a hole
    changes = Changes(
        rows=torch.tensor([[1, 2, 2]]),
        columns=torch.tensor([[0, 1, 2, 3]]),
        shown=shown,
        level=torch.full((1, 1, 1, 1), 0.5),
    )
    assert changed(picture, changes).tolist() == [[[[4.5, 5.5, 6.5, 0], [8.5, 9.5, 10.5, 11.5], [0, 0, 0, 0]]]]


def test_draws_repeat_and_differ_between_pictures() -> None:
    pictures = torch.rand(8, 2, 64, 64, generator=random())
    first, again = (changed(pictures, draw_changes(pictures, random(1), lit=2)) for _ in range(2))
    assert torch.equal(first, again)
    alike = pictures[:1].expand(8, -1, -1, -1)
    shown = changed(alike, draw_changes(alike, random(1), lit=2))
    assert all(not torch.equal(shown[0], other) for other in shown[1:])


def test_draws_are_within_their_bounds() -> None:
    pictures = torch.zeros(200, 3, 32, 40)
    changes = draw_changes(pictures, random(), lit=1)
    inside = changes.columns[:, 20] - 20
    assert inside.abs().max() <= SHIFT * 40
    assert inside.min() < 0 < inside.max()
    assert changes.level[:, 0].abs().max() <= BRIGHTNESS
    assert changes.level[:, 0].std() > BRIGHTNESS / 3
    assert (changes.level[:, 1:] == 0).all()  # only the first channel is lit
    left = changes.shown.mean(dim=(1, 2, 3))
    assert left.max() < 1
    assert left.min() >= (1 - SHIFT) ** 2 - HOLE**2 - 0.1


def test_gradients_pass_where_something_is_shown() -> None:
    pictures = torch.rand(4, 1, 16, 16, generator=random(), requires_grad=True)
    changes = draw_changes(pictures, random(2), lit=1)
    changed(pictures, changes).sum().backward()
    assert pictures.grad is not None
    # Each shown place sends one to the pixel it shows.
    assert float(pictures.grad.sum()) == pytest.approx(float(changes.shown.sum()))
    assert pictures.grad.max() == 1
