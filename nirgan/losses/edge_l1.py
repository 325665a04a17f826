"""Mean absolute error of edges."""

from __future__ import annotations

from torch import Tensor

from nirgan.registry import LOSSES

_RIGHT, _DOWN = -1, -2


@LOSSES.register("edge-l1")
def edge_l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of Sobel gradients to the right and down, averaged; inside the pictures only.

    Args:
        output: (B,C,H,W), at least 3 pixels a side.
        target: Of the same shape and range.

    Returns:
        float32 scalar, in the pictures' own unit per pixel: 0 where the two differ by a constant.
    """
    # Sobel's operator is linear: the difference of gradients is the gradient of the difference.
    off = output.float() - target.float()
    right, down = _slope(_smoothed(off, _DOWN), _RIGHT), _slope(_smoothed(off, _RIGHT), _DOWN)
    return (right.abs().mean() + down.abs().mean()) / 2


def _smoothed(picture: Tensor, dim: int) -> Tensor:
    before, here, after = _neighbours(picture, dim)
    return (before + 2 * here + after) / 4


def _slope(picture: Tensor, dim: int) -> Tensor:
    before, _, after = _neighbours(picture, dim)
    return (after - before) / 2


def _neighbours(picture: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    inside = picture.shape[dim] - 2
    return picture.narrow(dim, 0, inside), picture.narrow(dim, 1, inside), picture.narrow(dim, 2, inside)
