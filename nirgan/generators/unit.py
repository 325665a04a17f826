"""Encoder and decoder of UNIT as its paper has them: without norms but in residual blocks, one block of each shared.

Stride 4. A code has four times ``width`` channels. Blocks that both domains share are plain ``ResidualBlock``s
between the two, which the recipe holds.
"""

from __future__ import annotations

from torch import nn

from nirgan.generators.decoder import Decoder, drawn_channels
from nirgan.layers.affine import Head
from nirgan.layers.residual import ResidualBlock
from nirgan.layers.upsample import Upsample, upsampling_conv
from nirgan.registry import GENERATORS

SLOPE = 0.01
"""Of every leaky ReLU."""
OWN_BLOCKS = 3
"""Residual blocks of one domain, on either side of the code."""


@GENERATORS.register("unit-encoder", paper="arXiv 1703.00848")
class UnitEncoder(nn.Sequential):
    """Convolution 7×7, two 3×3 with stride 2, residual blocks.

    Args:
        in_channels: Of the picture.
        width: Channels of the first layer.
        dropout: At the end of each residual block.

    Shape: (B, in_channels, H, W) in [-1, 1] to (B, 4·width, H/4, W/4).
    """

    def __init__(self, in_channels: int, *, width: int = 64, dropout: float = 0.0) -> None:
        super().__init__(
            nn.Conv2d(in_channels, width, 7, padding=3),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1),
            nn.LeakyReLU(SLOPE),
            *(unit_block(4 * width, dropout) for _ in range(OWN_BLOCKS)),
        )


@GENERATORS.register("unit-decoder", paper="arXiv 1703.00848")
class UnitDecoder(Decoder):
    """Residual blocks, two convolutions that double the sides, 1×1, tanh.

    Args:
        out_channels: Of the picture.
        width: As of the encoder.
        dropout: At the end of each residual block.
        upsample: Transposed convolutions (paper), or resize and convolve.
        head: Draw the picture, or an offset and a gain for each pixel of a guide.

    Shape: (B, 4·width, h, w) to (B, out_channels, 4h, 4w) in [-1, 1].
    """

    def __init__(
        self,
        out_channels: int,
        *,
        width: int = 64,
        dropout: float = 0.0,
        upsample: Upsample = "transpose",
        head: Head = "direct",
    ) -> None:
        super().__init__(
            *(unit_block(4 * width, dropout) for _ in range(OWN_BLOCKS)),
            upsampling_conv(upsample, 4 * width, 2 * width, bias=True, kernel=3),
            nn.LeakyReLU(SLOPE),
            upsampling_conv(upsample, 2 * width, width, bias=True, kernel=3),
            nn.LeakyReLU(SLOPE),
            # The authors write a transposed convolution, which at 1×1 is the same.
            nn.Conv2d(width, drawn_channels(out_channels, head), 1),
        )


def unit_block(channels: int, dropout: float = 0.0) -> ResidualBlock:
    """UNIT's residual block: instance norm, borders of zeros."""
    return ResidualBlock(channels, norm="instance", padding="zeros", dropout=dropout)
