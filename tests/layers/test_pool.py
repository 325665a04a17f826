"""The pool of generated pictures: fills first, then exchanges half, and travels with the state."""

from __future__ import annotations

import torch
from torch import Tensor

from nirgan.layers.pool import ImagePool


def pictures(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1).expand(-1, 3, 2, 2).clone()


def numbers(images: Tensor) -> list[int]:
    return images[:, 0, 0, 0].int().tolist()


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_fills_before_it_exchanges() -> None:
    pool, generator = ImagePool(5), seeded()
    assert numbers(pool.draw(pictures(1, 2, 3), generator)) == [1, 2, 3]
    assert numbers(pool.draw(pictures(4, 5), generator)) == [4, 5]
    assert numbers(pool.get_extra_state()["images"]) == [1, 2, 3, 4, 5]


def test_half_is_exchanged_once_full() -> None:
    pool, generator = ImagePool(50), seeded()
    pool.draw(pictures(*range(50)), generator)
    old = 0
    for first in range(50, 8050, 8):
        batch = list(range(first, first + 8))
        old += sum(n not in batch for n in numbers(pool.draw(pictures(*batch), generator)))
    assert 0.47 < old / 8000 < 0.53  # five standard deviations are 0.028


def test_nothing_is_lost_or_doubled() -> None:
    pool, generator = ImagePool(3), seeded(1)
    shown: list[int] = []
    for first in range(0, 40, 4):  # batches larger than the pool
        shown += numbers(pool.draw(pictures(*range(first, first + 4)), generator))
    kept = numbers(pool.get_extra_state()["images"])
    # The first three were shown when they were stored and may be shown again; every other picture is shown or kept.
    assert len(kept) == 3
    assert set(shown) | set(kept) == set(range(40))
    assert len(shown) == 40
    assert not (set(shown) & set(kept)) - {0, 1, 2}


def test_draws_follow_the_generator() -> None:
    draws = []
    for seed in (3, 3, 4):
        pool, generator = ImagePool(8), seeded(seed)
        draws.append([numbers(pool.draw(pictures(*range(n, n + 8)), generator)) for n in range(0, 64, 8)])
    assert draws[0] == draws[1] != draws[2]


def test_carries_no_gradient_and_no_link_to_what_it_stored() -> None:
    pool = ImagePool(4)
    images = pictures(1, 2).requires_grad_()
    assert not pool.draw(images, seeded()).requires_grad
    with torch.no_grad():
        images.zero_()
    assert numbers(pool.get_extra_state()["images"]) == [1, 2]


def test_size_zero_hands_through() -> None:
    pool, images = ImagePool(0), pictures(1, 2)
    assert torch.equal(pool.draw(images, seeded()), images)
    assert pool.get_extra_state() == {}


def test_state_goes_on_where_it_was() -> None:
    pool, generator = ImagePool(4), seeded()
    pool.draw(pictures(1, 2, 3, 4, 5, 6), generator)
    copy, at = ImagePool(4), generator.get_state()
    copy.load_state_dict(pool.state_dict())
    again = seeded()
    again.set_state(at)
    for first in (10, 20, 30):
        batch = pictures(*range(first, first + 4))
        assert torch.equal(pool.draw(batch, generator), copy.draw(batch, again))


def test_empty_state_is_restored_as_empty() -> None:
    pool = ImagePool(4)
    pool.draw(pictures(1), seeded())
    pool.load_state_dict(ImagePool(4).state_dict())
    assert pool.get_extra_state() == {}
