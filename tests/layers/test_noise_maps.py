"""Noise beside a layer's input: its distribution, what it depends on, tiles."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nirgan.layers.noise_maps import _mixed, _normal, drawn_noise, no_noise, placed_noise


def pictures(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.ones(shape, dtype=dtype)


def test_no_noise_is_zero() -> None:
    assert torch.equal(no_noise(pictures(2, 3, 4, 5), 1), torch.zeros(2, 1, 4, 5))


def test_drawn_noise_comes_from_its_generator() -> None:
    first, again = (drawn_noise(torch.Generator().manual_seed(3), 0.1) for _ in range(2))
    drawn = first(pictures(2, 3, 64, 64), 1)
    assert drawn.shape == (2, 1, 64, 64)
    assert torch.equal(drawn, again(pictures(2, 3, 64, 64), 1))
    assert not torch.equal(drawn, again(pictures(2, 3, 64, 64), 1))  # each call draws anew
    assert drawn.std().item() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize("make", [lambda: drawn_noise(torch.Generator(), 0.1, grain="picture"), None])
def test_one_number_for_a_picture(make) -> None:
    noise = (make or (lambda: placed_noise(5, 0.1, grain="picture", origin=(8, 16))))()
    drawn = noise(pictures(3, 1, 6, 7), 1)
    assert drawn.shape == (3, 1, 6, 7)
    assert torch.equal(drawn, drawn[..., :1, :1].expand_as(drawn))
    assert drawn.any()


def test_pictures_of_a_batch_are_drawn_for_each() -> None:
    drawn = drawn_noise(torch.Generator(), 0.1, grain="picture")(pictures(3, 1, 6, 7), 1)
    assert drawn[:, 0, 0, 0].unique().numel() == 3


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_noise_has_the_pictures_dtype(dtype: torch.dtype) -> None:
    for noise in (no_noise, drawn_noise(torch.Generator(), 0.1), placed_noise(0, 0.1)):
        assert noise(pictures(1, 1, 4, 4, dtype=dtype), 1).dtype == dtype


def test_hash_is_murmurs_on_a_shifted_counter() -> None:
    # fmix32(1) is 0x514E28B7, a published value; the shift makes 1 of what lies 0x9E3779B9 below.
    assert _mixed(1 - 0x9E3779B9) == 0x514E28B7
    values = [0, 1, 77, 2**31, 2**32 - 1]
    assert _mixed(torch.tensor(values)).tolist() == [_mixed(value) for value in values]


def test_inverse_distribution_function() -> None:
    lowest, middle, highest = _normal(torch.tensor([0, 2**31, 2**32 - 1])).tolist()
    assert lowest == pytest.approx(-highest)
    assert 5 < highest < 6
    assert middle == pytest.approx(0, abs=1e-6)
    upper = _normal(torch.tensor([round(0.8413447 * 2**32)]))  # one standard deviation above the mean
    assert upper.item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("seed", [0, 1, -1, 2**40])
def test_placed_noise_is_gaussian_and_white(seed: int) -> None:
    values = placed_noise(seed, 2.0)(pictures(1, 1, 256, 256), 1)[0, 0] / 2
    count = values.numel()
    assert abs(values.mean()) < 5 / count**0.5
    assert values.var().item() == pytest.approx(1, abs=5 * (2 / count) ** 0.5)
    inside = torch.special.ndtr(values.double()).flatten().sort().values
    steps = (torch.arange(count) + 0.5) / count
    assert (inside - steps).abs().max() < 2 / count**0.5  # Kolmogorov-Smirnov, 0.1 %
    for down, across in ((0, 1), (1, 0), (1, 1), (0, 7), (16, 16)):
        shifted = values.roll((down, across), (0, 1))
        assert abs((values * shifted).mean()) < 5 / count**0.5, (down, across)


def test_maps_and_seeds_differ() -> None:
    maps = []
    for seed in (0, 1, 2**32, -1):
        noise = placed_noise(seed, 1.0)
        maps += [noise(pictures(1, 1, 64, 64), 1).flatten() for _ in range(3)]
    correlated = torch.corrcoef(torch.stack(maps)) - torch.eye(len(maps))
    assert correlated.abs().max() < 0.08  # 64 · 64 numbers: five standard deviations


@pytest.mark.parametrize("grain", ["pixel", "picture"])
@pytest.mark.parametrize("cell", [1, 4])
def test_a_tile_gets_what_the_whole_picture_has_there(grain: str, cell: int) -> None:
    whole = placed_noise(9, 1.0, grain=grain)(pictures(1, 2, 24, 40), cell)
    tile = placed_noise(9, 1.0, grain=grain, origin=(4 * cell, 12 * cell))(pictures(1, 2, 8, 16), cell)
    assert torch.equal(tile, whole[..., 4:12, 12:28])
