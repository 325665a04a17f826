"""Mean absolute error."""

from __future__ import annotations

from torch import Tensor

from nirgan.registry import LOSSES


@LOSSES.register("l1")
def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean of |output − target| over everything, channels too; a float32 scalar in the pictures' own unit."""
    return (output.float() - target.float()).abs().mean()
