"""A last layer that gives each place a curve: which colour each level of the source takes there."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def local_curves(values: Tensor, source: Tensor, *, out_channels: int, start: float) -> Tensor:
    """Colours read from curves that vary over the picture, at the level that the source has at each pixel.

    A curve is straight between its knots, which lie evenly from black to white. Neighbours of one place get one curve,
    so that colours change where the source does: after the slicing of Gharbi et al. 2017 (Deep Bilateral Learning),
    which reads coefficients of affine functions so, here it is the colour itself.

    Args:
        values: (B, out_channels · knots, h, w): all channels of the first knot, then of the next; enlarged bilinearly.
        source: (B, in, H, W) in [-1, 1]; the level is the mean of its channels.
        out_channels: Of the output.
        start: Times the level, added: values of zero give ``start`` times the mean of the source's channels.

    Returns:
        float32 (B, out_channels, H, W), not bounded. Levels outside [-1, 1] read the nearest knot.
    """
    knots = values.shape[1] // out_channels
    level = source.float().mean(dim=1)
    height, width = level.shape[-2:]
    x, y = _middles(width, level), _middles(height, level)
    # Knots are points, not cells: the first lies at the middle of the first of ``knots`` slices.
    depth = level * (1 - 1 / knots)
    places = torch.stack((x.expand_as(level), y[:, None].expand_as(level), depth), dim=-1)
    grid = values.float().unflatten(1, (knots, out_channels)).transpose(1, 2)
    read = F.grid_sample(grid, places[:, None], padding_mode="border", align_corners=False)
    return read[:, :, 0] + start * level[:, None]


def _middles(count: int, like: Tensor) -> Tensor:
    """Middles of ``count`` pixels side by side, from -1 to 1."""
    return (2 * torch.arange(count, device=like.device, dtype=like.dtype) + 1) / count - 1
