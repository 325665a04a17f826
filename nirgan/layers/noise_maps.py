"""Gaussian noise as one more channel beside a layer's input."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

NoiseMaps = Callable[[Tensor, int], Tensor]
"""From a picture (B,C,h,w) and the source pixels along a side of its cells to noise (B,1,h,w) of its dtype.

Every call gives other noise.
"""
Grain = Literal["pixel", "picture"]
"""What a number is drawn for: each pixel, or each picture, so that it is the same all over a map."""

_LOW = 0xFFFFFFFF
_OFFSET = 0x9E3779B9
"""Without it 0 stays 0: the first number of seed 0 would be the lowest there is."""
_MANTISSA_BITS = 23


def no_noise(picture: Tensor, cell: int) -> Tensor:
    """Zeros, the mean of all noise."""
    return torch.zeros_like(picture[:, :1])


def drawn_noise(generator: torch.Generator, std: float, *, grain: Grain = "pixel") -> NoiseMaps:
    """Noise N(0, std) for training, drawn one map after the other; ``generator`` is on the pictures' device."""

    def draw(picture: Tensor, cell: int) -> Tensor:
        sides = picture.shape[-2:] if grain == "pixel" else (1, 1)
        normal = torch.randn(len(picture), 1, *sides, generator=generator, device=picture.device)
        return (std * normal).to(picture.dtype).expand(-1, -1, *picture.shape[-2:])

    return draw


def placed_noise(seed: int, std: float, *, grain: Grain = "pixel", origin: tuple[int, int] = (0, 0)) -> NoiseMaps:
    """Noise N(0, std) for prediction: a function of the seed, the number of the call and the place, and nothing else.

    A tile so gets the noise that the whole picture has there, on any device. It is computed by hashing, as
    counter-based random numbers are (Salmon et al. 2011): nothing is drawn in turn, nothing is kept.

    Args:
        seed: Any integer.
        std: Standard deviation.
        grain: As of ``drawn_noise``.
        origin: Row and column of the source at which the pictures begin, multiples of every ``cell``.
    """
    maps = itertools.count()

    def place(picture: Tensor, cell: int) -> Tensor:
        key = _mixed(_mixed(_mixed(seed >> 32) ^ seed) ^ next(maps))
        rows, columns = (
            torch.arange(start // cell, start // cell + size, device=picture.device)
            if grain == "pixel"
            else torch.zeros(1, dtype=torch.int64, device=picture.device)
            for start, size in zip(origin, picture.shape[-2:], strict=True)
        )
        normal = _normal(_mixed(_mixed(key ^ rows)[:, None] ^ columns))
        return (std * normal).to(picture.dtype).expand(len(picture), 1, *picture.shape[-2:])

    return place


def _mixed(value: Any) -> Any:
    """32 bits that depend on each of the low 32 of an integer or an int64 tensor (MurmurHash3's last step)."""
    value = (value + _OFFSET) & _LOW
    value = ((value ^ (value >> 16)) * 0x85EBCA6B) & _LOW
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & _LOW
    return value ^ (value >> 16)


def _normal(bits: Tensor) -> Tensor:
    """Standard normal numbers, float32, from 32 random bits each, by the inverse of the distribution function."""
    # Odd multiples of 2^-23 between -1 and 1: float32 holds them exactly, and never the ends, where they are infinite.
    uniform = ((bits >> (32 - _MANTISSA_BITS)) * 2 + 1 - 2**_MANTISSA_BITS).float() / 2**_MANTISSA_BITS
    return torch.erfinv(uniform) * 2**0.5
