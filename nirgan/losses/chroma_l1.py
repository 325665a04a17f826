"""Mean absolute error of colour, blind to grey."""

from __future__ import annotations

from torch import Tensor

from nirgan.registry import LOSSES


@LOSSES.register("chroma-l1")
def chroma_l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of red − green and (red + green)/2 − blue, averaged; a level that all channels share is 0.

    These two are linear, unlike Lab's a and b: colours that no screen shows get the same gradient as others.

    Args:
        output: RGB (B,3,H,W).
        target: Of the same shape and range.

    Returns:
        float32 scalar in the pictures' own unit.
    """
    red, green, blue = (output.float() - target.float()).unbind(dim=1)
    return ((red - green).abs().mean() + ((red + green) / 2 - blue).abs().mean()) / 2
