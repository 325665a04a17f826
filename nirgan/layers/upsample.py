"""Larger pictures: convolutions that double their sides, and what was drawn for smaller ones."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Upsample = Literal["transpose", "resize"]

_SPREAD = torch.tensor([[0.0, 0, 1, 1], [0, 1, 1, 0], [1, 1, 0, 0]])
"""Tap t of three reaches the copies of an input pixel as taps 2 - t and 3 - t of four."""


class ResizeConv2d(nn.Conv2d):
    """Nearest neighbour to twice the sides, then a 3×3 convolution over reflected borders.

    (B, in, H, W) to (B, out, 2H, 2W). It leaves no checkerboard (Odena et al. 2016). The enlarged picture is never
    made: a transposed convolution does the same with four taps for each output pixel in place of nine. Its 4×4 kernel
    is the 3×3 one, spread over the two copies of each input pixel in each direction; the reflected border of the
    enlarged picture is the repeated one of the input.

    Args:
        in_channels: Of the input.
        out_channels: Of the output.
        bias: Whether there is one.
    """

    _spread: Tensor

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool = True) -> None:
        super().__init__(in_channels, out_channels, 3, bias=bias)
        self.register_buffer("_spread", torch.kron(_SPREAD, _SPREAD), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """Enlarge and convolve."""
        # A product with a constant matrix is much faster than sums of slices, forward and backward.
        kernel = self.weight.transpose(0, 1).reshape(-1, 9) @ self._spread
        kernel = kernel.view(self.in_channels, self.out_channels, 4, 4)
        bordered = F.pad(input, (1, 1, 1, 1), mode="replicate")
        return F.conv_transpose2d(bordered, kernel, self.bias, stride=2, padding=3)


def enlarged(drawn: Tensor, source: Tensor) -> Tensor:
    """What was drawn for cells or for a smaller copy, (B, ·, h, w), at the source's size, bilinearly."""
    if drawn.shape[-2:] == source.shape[-2:]:
        return drawn
    return F.interpolate(drawn, size=source.shape[-2:], mode="bilinear", align_corners=False)


def upsampling_conv(
    kind: Upsample, in_channels: int, out_channels: int, *, bias: bool, kernel: Literal[3, 4] = 4
) -> nn.Module:
    """(B, in, H, W) to (B, out, 2H, 2W).

    Args:
        kind: ``transpose``: transposed convolution with stride 2; ``resize``: enlarged, then convolved.
        in_channels: Of the input.
        out_channels: Of the output.
        bias: Whether the convolution has one.
        kernel: Side of the transposed convolution's: 4 (pix2pix) or 3 (CycleGAN); ``resize`` always takes 3.
    """
    if kind == "transpose":
        return nn.ConvTranspose2d(
            in_channels, out_channels, kernel, stride=2, padding=1, output_padding=4 - kernel, bias=bias
        )
    return ResizeConv2d(in_channels, out_channels, bias=bias)
