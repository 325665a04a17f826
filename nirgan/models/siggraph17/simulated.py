"""Hints as a user might give them, drawn from the truth: a few small patches of its mean colour."""

from __future__ import annotations

import math

import torch
from torch import Tensor

LARGEST = 9
"""Side of the largest patch, in pixels."""
_RARE = 1e-4
"""Share of pictures that would have more patches than are ever drawn: a number known in advance spares a sync."""


@torch.no_grad()
def simulate_hints(ab: Tensor, stop: float, generator: torch.Generator, *, reveal: float = 0.0) -> Tensor:
    """Draw hints for each picture of a batch.

    Args:
        ab: The true a and b (B,2,h,w).
        stop: Probability that no further patch is added, in (0, 1]: there are (1 - stop) / stop of them on average.
        generator: On the device of ``ab``.
        reveal: Share of pictures of which all is told.

    Returns:
        (B,3,h,w): a and b where there is a hint and 0 elsewhere, and 1 where there is one.
    """
    hints = torch.zeros_like(ab[:, :1]).repeat(1, 3, 1, 1)
    if stop < 1:
        most = math.ceil(math.log(_RARE) / math.log1p(-stop))
        there = torch.arange(most, device=ab.device) < draw_counts(len(ab), stop, generator)[:, None]
        hints = _paint(ab, *draw_patches(len(ab), most, ab.shape[-2:], generator), there)
    if reveal > 0:
        told = torch.rand(len(ab), generator=generator, device=ab.device) < reveal
        hints = torch.where(told[:, None, None, None], torch.cat([ab, torch.ones_like(ab[:, :1])], dim=1), hints)
    return hints


def draw_counts(size: int, stop: float, generator: torch.Generator) -> Tensor:
    """Numbers of patches (size,) int64: n with probability (1 - stop)^n · stop."""
    uniform = 1 - torch.rand(size, generator=generator, device=generator.device)  # (0, 1], which has a logarithm
    return (uniform.log() / math.log1p(-stop)).floor().long()


def draw_patches(batch: int, count: int, size: tuple[int, ...], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Square patches, near the middle rather than at the border.

    Returns:
        The rows (batch,count,h) and the columns (batch,count,w) that each of them covers, as bool.
    """
    sides = torch.randint(1, LARGEST + 1, (batch, count), generator=generator, device=generator.device)
    sides = sides.clamp(max=min(size))
    rows, columns = (_covered(length, sides, generator) for length in size)
    return rows, columns


def _covered(length: int, sides: Tensor, generator: torch.Generator) -> Tensor:
    room = (length - sides).float()
    offset = torch.randn(sides.shape, generator=generator, device=sides.device)
    starts = torch.minimum(((room + 1) / 2 + (room + 1) / 4 * offset).clamp(min=0), room).long()
    places = torch.arange(length, device=sides.device)
    return (places >= starts[..., None]) & (places < (starts + sides)[..., None])


def _paint(ab: Tensor, rows: Tensor, columns: Tensor, there: Tensor) -> Tensor:
    """Each patch that is there (B,K) in its mean colour, later ones over earlier ones: hints (B,3,h,w)."""
    down, across = rows.to(ab.dtype), columns.to(ab.dtype)
    with torch.autocast(ab.device.type, enabled=False):
        sums = torch.einsum("bchk,bkh->bkc", torch.einsum("bchw,bkw->bchk", ab, across), down)
    colours = sums / (down.sum(dim=-1) * across.sum(dim=-1))[..., None]
    covered = (rows & there[..., None])[..., :, None] & columns[..., None, :]
    numbers = torch.arange(1, rows.shape[1] + 1, dtype=torch.int16, device=ab.device)
    last = (covered * numbers[:, None, None]).amax(dim=1)  # (B,h,w): 0 where no patch lies
    table = torch.cat([torch.zeros_like(colours[:, :1]), colours], dim=1)
    chosen = table.gather(1, last.flatten(1).long()[..., None].expand(-1, -1, 2))
    painted = chosen.transpose(1, 2).unflatten(2, last.shape[1:])
    return torch.cat([painted, (last > 0)[:, None].to(ab.dtype)], dim=1)
