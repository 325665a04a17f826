"""Encoder and decoder of UNIT's later code: one auto-encoder per domain, nothing shared, borders reflected."""

from __future__ import annotations

from torch import nn

from nirgan.generators.decoder import Decoder, drawn_channels
from nirgan.layers.affine import Head
from nirgan.layers.norm import make_norm
from nirgan.layers.residual import ResidualBlock
from nirgan.registry import GENERATORS

BLOCKS = 4
"""Residual blocks on either side of the code."""


@GENERATORS.register("unit-separate-encoder", paper="arXiv 1703.00848")
class SeparateEncoder(nn.Sequential):
    """Convolution 7×7, two 4×4 with stride 2, residual blocks; instance norm after every convolution.

    Args:
        in_channels: Of the picture.
        width: Channels of the first layer.
        dropout: At the end of each residual block.

    Shape: (B, in_channels, H, W) in [-1, 1] to (B, 4·width, H/4, W/4); sides of at least 8.
    """

    def __init__(self, in_channels: int, *, width: int = 64, dropout: float = 0.0) -> None:
        layers: list[nn.Module] = []
        sizes = ((in_channels, width, 7, 1, 3), (width, 2 * width, 4, 2, 1), (2 * width, 4 * width, 4, 2, 1))
        for before, after, kernel, stride, padding in sizes:
            conv = nn.Conv2d(before, after, kernel, stride=stride, padding=padding, padding_mode="reflect")
            layers += [conv, make_norm("instance", after), nn.ReLU()]
        blocks = (ResidualBlock(4 * width, norm="instance", dropout=dropout) for _ in range(BLOCKS))
        super().__init__(*layers, *blocks)


@GENERATORS.register("unit-separate-decoder", paper="arXiv 1703.00848")
class SeparateDecoder(Decoder):
    """Residual blocks, two times enlarged and convolved 5×5 with layer norm, 7×7, tanh.

    Args:
        out_channels: Of the picture.
        width: As of the encoder.
        dropout: At the end of each residual block.
        head: Draw the picture, or an offset and a gain for each pixel of a guide.

    Shape: (B, 4·width, h, w) to (B, out_channels, 4h, 4w) in [-1, 1].
    """

    def __init__(self, out_channels: int, *, width: int = 64, dropout: float = 0.0, head: Head = "direct") -> None:
        layers: list[nn.Module] = [ResidualBlock(4 * width, norm="instance", dropout=dropout) for _ in range(BLOCKS)]
        for before, after in ((4 * width, 2 * width), (2 * width, width)):
            conv = nn.Conv2d(before, after, 5, padding=2, padding_mode="reflect")
            # A group norm of one group: all channels of a picture together, gain and shift per channel.
            layers += [nn.Upsample(scale_factor=2), conv, nn.GroupNorm(1, after), nn.ReLU()]
        last = nn.Conv2d(width, drawn_channels(out_channels, head), 7, padding=3, padding_mode="reflect")
        super().__init__(*layers, last)
