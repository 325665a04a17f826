"""Convolutions that double a picture's sides."""

from __future__ import annotations

from typing import Literal

from torch import nn

Upsample = Literal["transpose", "resize"]


def upsampling_conv(kind: Upsample, in_channels: int, out_channels: int, *, bias: bool) -> nn.Module:
    """(B, in, H, W) to (B, out, 2H, 2W).

    Args:
        kind: ``transpose``: transposed convolution 4/2/1, as in pix2pix. ``resize``: nearest neighbour, then a 3×3
            convolution over reflected borders, which leaves no checkerboard (Odena et al. 2016).
        in_channels: Of the input.
        out_channels: Of the output.
        bias: Whether the convolution has one.
    """
    if kind == "transpose":
        return nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1, bias=bias)
    return nn.Sequential(
        nn.Upsample(scale_factor=2, mode="nearest"),
        nn.Conv2d(in_channels, out_channels, 3, padding=1, padding_mode="reflect", bias=bias),
    )
