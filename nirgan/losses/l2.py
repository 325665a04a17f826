"""Mean squared error."""

from __future__ import annotations

from torch import Tensor

from nirgan.registry import LOSSES


@LOSSES.register("l2")
def l2(output: Tensor, target: Tensor) -> Tensor:
    """Mean of (output − target)² over everything, channels too; a float32 scalar in the pictures' own unit, squared."""
    return (output.float() - target.float()).square().mean()
