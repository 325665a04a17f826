"""Bins of Lab's a and b, for colourisation as classification (Zhang, Isola, Efros 2016).

The 313 bins are corners of a 10×10 grid: every corner of each grid cell that touches the convex hull of sRGB's colours
(D65) in the plane of a and b. That rule gives the published list, which the paper describes as "in gamut"; 87 of the
centres cannot be displayed at any lightness.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

BINS = 313
GRID_BINS = 529
"""All points of the grid from -110 to 110 (the authors' later code)."""
SPACING = 10
_LAST = 110
_ROWS = {
    -90: (50, 90), -80: (20, 90), -70: (0, 90), -60: (-20, 90), -50: (-30, 100),
    -40: (-40, 100), -30: (-50, 100), -20: (-50, 100), -10: (-60, 100), 0: (-70, 100),
    10: (-80, 90), 20: (-80, 90), 30: (-90, 90), 40: (-100, 90), 50: (-100, 80),
    60: (-110, 80), 70: (-110, 80), 80: (-110, 70), 90: (-110, 70), 100: (-90, 0),
}  # fmt: skip
"""First and last b of each a."""

_BOUND = 130
"""Values of a and b beyond ± this count as at it; 8-bit sRGB stays within ±108."""
_CELL = 5
"""Side of the squares for which it is known in advance which bins can be the nearest ones."""
_ROUNDING = 1e-2


def ab_bins() -> Tensor:
    """The centres of the 313 bins (313,2) in Lab's units, on the CPU: a ascending, and b ascending for each a."""
    # On the CPU even where a context chooses another device: the table below is kept.
    points = [(a, b) for a, (first, last) in _ROWS.items() for b in range(first, last + 1, SPACING)]
    return torch.tensor(points, dtype=torch.float32, device="cpu")


@torch.no_grad()
def soft_encode(ab: Tensor, neighbours: int = 5, sigma: float = 5.0) -> tuple[Tensor, Tensor]:
    """Share each point's colour out among its nearest bins, by a Gaussian of their distance.

    Args:
        ab: (B,2,h,w) in Lab's units.
        neighbours: How many bins; 5 in the paper, 10 in the authors' released layer.
        sigma: Of the Gaussian, in Lab's units.

    Returns:
        Numbers of the bins (B,neighbours,h,w) int64, nearest first and the lowest first among equals, and their shares
        (B,neighbours,h,w) float32, which sum to one at each point.
    """
    indices, squares = _nearest(ab, neighbours)
    return indices, torch.softmax(-squares / (2 * sigma**2), dim=1)


@torch.no_grad()
def nearest_bin(ab: Tensor) -> Tensor:
    """Number (B,h,w) int64 of the bin nearest to each colour (B,2,h,w); the lowest among equals."""
    return _nearest(ab, 1)[0][:, 0]


@torch.no_grad()
def nearest_grid_bin(ab: Tensor) -> Tensor:
    """Number (B,h,w) int64 of the point of the grid nearest to each colour (B,2,h,w); the lowest among equals.

    The grid's 23×23 points go from -110 to 110, a ascending, and b ascending for each a.
    """
    steps = 2 * _LAST // SPACING
    places = ((ab.float() + _LAST) / SPACING - 0.5).ceil().clamp(0, steps).long()
    return (steps + 1) * places[:, 0] + places[:, 1]


def annealed_mean(logits: Tensor, temperature: float) -> Tensor:
    """The mean colour of a distribution over bins that is sharpened first: softmax(logits / T) · centres.

    A temperature of 1 gives the mean, which is dull; towards 0 it becomes the mode, which is vivid and changes
    abruptly from place to place. The paper takes 0.38.

    Args:
        logits: Of the 313 bins (B,313,h,w).
        temperature: Above 0.

    Returns:
        a and b (B,2,h,w) float32; differentiable.
    """
    logits = logits.float()
    centres = ab_bins().to(logits.device)
    # Without their maximum, logits over however small a temperature stay finite where it matters; but not over 0, which
    # one below 1e-45 becomes in float32.
    divisor = max(temperature, torch.finfo(logits.dtype).tiny)
    sharpened = (logits - logits.detach().amax(dim=1, keepdim=True)) / divisor
    with torch.autocast(logits.device.type, enabled=False):  # products in half precision would be whole units off
        return torch.einsum("bqhw,qc->bchw", torch.softmax(sharpened, dim=1), centres)


def class_weights(prior: Tensor, mix: float = 0.5) -> Tensor:
    """Weights that let rare colours count: w ∝ 1 / ((1 - λ) p + λ / Q), so that the prior's mean weight is one.

    Args:
        prior: Share of each class among the training pixels (Q,), which sum to one.
        mix: λ, the share of the uniform distribution: 1 weighs all alike. 0 needs a prior without zeros.

    Returns:
        (Q,), of the prior's dtype.
    """
    weights = 1 / ((1 - mix) * prior + mix / len(prior))
    return weights / (prior * weights).sum()


def bin_shares(indices: Tensor, shares: Tensor) -> Tensor:
    """Share of each of the 313 bins among the points that ``soft_encode`` encoded: (313,) float64, sums to one."""
    total = torch.zeros(BINS, dtype=torch.float64, device=shares.device)
    total.index_add_(0, indices.flatten(), shares.flatten().double())
    return total / total.sum()


def _nearest(ab: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Numbers (B,count,h,w) of the nearest bins and their squared distances, in the order of ``soft_encode``."""
    table = _candidates(count, ab.device)
    points = ab.float().movedim(1, -1).clamp(-_BOUND, _BOUND)
    cells = ((points + _BOUND) / _CELL).long().clamp(0, len(table) - 1)
    candidates = table[cells[..., 0], cells[..., 1]]  # (B,h,w,C), ascending
    beyond = torch.full((1, 2), torch.inf, device=ab.device)
    centres = torch.cat([ab_bins().to(ab.device), beyond])[candidates]
    squares, order = (points[..., None, :] - centres).square().sum(dim=-1).sort(dim=-1, stable=True)
    nearest = candidates.gather(-1, order[..., :count])
    return nearest.movedim(-1, 1), squares[..., :count].movedim(-1, 1)


@lru_cache(maxsize=16)
def _candidates(count: int, device: torch.device) -> Tensor:
    """The bins that are among the ``count`` nearest of some point of each cell: (cells,cells,C) int64, ascending.

    No bin is among them whose nearest point of the cell is farther off than the farthest points of ``count`` others.
    Cells with fewer bins are filled up with the number 313.
    """
    centres = ab_bins().T[:, None]  # (2,1,313)
    middles = torch.arange(-_BOUND + _CELL / 2, _BOUND, _CELL, device="cpu")[:, None]
    offsets = (centres - middles).abs()  # (2,cells,313): along each axis
    near, far = (offsets - _CELL / 2).clamp(min=0).square(), (offsets + _CELL / 2).square()
    least, most = (axes[0][:, None] + axes[1][None] for axes in (near, far))  # (cells,cells,313)
    possible = least <= most.kthvalue(count, dim=-1, keepdim=True).values + _ROUNDING
    numbers = torch.where(possible, torch.arange(BINS, device="cpu"), BINS).sort(dim=-1).values
    return numbers[..., : int(possible.sum(dim=-1).max())].contiguous().to(device)
