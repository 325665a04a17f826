"""Changes to what a discriminator is shown, so that it does not learn a small training set by heart.

Differentiable augmentation (Zhao et al. 2020, arXiv 2006.10738): gradients pass through, and real and generated
pictures are changed by the same draws, in both phases, so that the generator does not learn the changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SHIFT = 0.125
"""Largest shift, as a share of the side."""
HOLE = 0.4
"""Side of the square that is cut out, as a share of the picture's."""
BRIGHTNESS = 0.3
"""Largest change of level, of pictures from -1 to 1."""


@dataclass(frozen=True)
class Changes:
    """What is done to each picture of a batch.

    Attributes:
        rows: (B,H), which row comes to each place.
        columns: (B,W), which column.
        shown: (B,1,H,W), 0 where nothing is left of the picture, 1 elsewhere.
        level: (B,C,1,1), added to each channel.
    """

    rows: Tensor
    columns: Tensor
    shown: Tensor
    level: Tensor


def draw_changes(pictures: Tensor, generator: torch.Generator, *, lit: int) -> Changes:
    """Draw a shift, a square hole and a change of level for each picture.

    Args:
        pictures: (B,C,H,W), whose shape and device count.
        generator: Random numbers, on the same device.
        lit: How many channels, from the first, get brighter or darker together; a and b of Lab must not.
    """
    count, channels, height, width = pictures.shape

    def drawn() -> Tensor:  # in [-1, 1)
        return 2 * torch.rand(count, 1, generator=generator, device=generator.device) - 1

    (rows, inside_y, hole_y), (columns, inside_x, hole_x) = (_along(side, drawn(), drawn()) for side in (height, width))
    hidden = hole_y[:, :, None] & hole_x[:, None, :]
    shown = inside_y[:, :, None] & inside_x[:, None, :] & ~hidden
    which = (torch.arange(channels, device=generator.device) < lit).to(pictures.dtype)
    level = BRIGHTNESS * drawn() * which
    return Changes(rows, columns, shown[:, None].to(pictures.dtype), level[:, :, None, None])


def changed(pictures: Tensor, changes: Changes) -> Tensor:
    """The pictures (B,C,H,W) shifted, brighter or darker, and with a hole; zero where nothing is left of them."""
    _, channels, height, width = pictures.shape
    rows = changes.rows[:, None, :, None].expand(-1, channels, -1, width)
    columns = changes.columns[:, None, None, :].expand(-1, channels, height, -1)
    moved = pictures.gather(2, rows).gather(3, columns)
    return (moved + changes.level) * changes.shown


def _along(side: int, shift: Tensor, centre: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Along one axis: which places come (B,side), which of them exist, and which lie in the hole."""
    places = torch.arange(side, device=shift.device)[None]
    wanted = places + (SHIFT * side * shift).round().long()
    hole = (places + 0.5 - side * (centre + 1) / 2).abs() < HOLE * side / 2
    return wanted.clamp(0, side - 1), (wanted >= 0) & (wanted < side), hole
