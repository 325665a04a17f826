"""ColorNet of the S-shape network: a U-Net that pools, convolves twice on each level and enlarges bilinearly."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nirgan.layers.activation import Activation, make_activation
from nirgan.layers.double_conv import DoubleConv
from nirgan.layers.reach import radius, reach
from nirgan.registry import GENERATORS

PAPER = "10.1109/ICIP.2018.8451230"
POOLS = 4
"""Halvings. Five blocks with a pool after each would come to a 32nd, from which four decoder blocks do not lead back;
the paper's figure shows four."""


@GENERATORS.register("colornet", paper=PAPER)
class ColorNet(nn.Module):
    """Five encoder blocks with a pool between each two, four decoder blocks with skips, a 1×1 convolution, tanh.

    Its finest skip has the source's own resolution.

    Args:
        in_channels: Of the source.
        out_channels: Of the output.
        width: Channels of the first block; the others have 2, 4, 8 and 8 times as many, the decoder's 4, 2, 1 and 1.
        align_corners: How features are enlarged. True puts their corners on the corners, so that where a pixel falls
            depends on the picture's size and tiles do not equal the whole.

    Shape: (B, in_channels, H, W) to (B, out_channels, H, W), in [-1, 1] with tanh; H and W are multiples of 16.
    """

    stride = 2**POOLS

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 3,
        *,
        width: int = 64,
        align_corners: bool = False,
        activation: Activation = "tanh",
    ) -> None:
        super().__init__()
        down = (width, 2 * width, 4 * width, 8 * width, 8 * width)
        up = (4 * width, 2 * width, width, width)
        befores = (in_channels, *down[:-1])
        self.pool = nn.MaxPool2d(2)
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=align_corners)
        self.encoder = nn.ModuleList(DoubleConv(before, after) for before, after in zip(befores, down, strict=True))
        insides = (down[-1], *up[:-1])
        self.decoder = nn.ModuleList(
            DoubleConv(skip + inside, after) for skip, inside, after in zip(down[-2::-1], insides, up, strict=True)
        )
        self.out = nn.Conv2d(width, out_channels, 1)
        self.activate = make_activation(activation)

    def forward(self, source: Tensor) -> Tensor:
        """Colour (B, in_channels, H, W)."""
        skips: list[Tensor] = []
        x = self.encoder[0](source)
        for block in self.encoder[1:]:
            skips.append(x)
            x = block(self.pool(x))
        for block in self.decoder:
            x = block(torch.cat([skips.pop(), self.enlarge(x)], dim=1))
        return self.activate(self.out(x))

    @property
    def deepest(self) -> nn.Sequential:
        """The way through the bottom, which looks farthest; not to be run, because it takes no skips along."""
        down = [layer for block in self.encoder for layer in (self.pool, block)]
        up = [layer for block in self.decoder for layer in (self.enlarge, block)]
        return nn.Sequential(*down[1:], *up, self.out)

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source does not change the output there."""
        return radius(self, self.stride)

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """First and last source column that the output columns ``first`` to ``last`` depend on, as ``layers.reach``."""
        return reach(self.deepest, first, last)
