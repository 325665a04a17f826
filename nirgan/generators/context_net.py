"""A U-shaped network that spends its work at low resolution, and sees the same in tiles as in whole pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from nirgan.color.guided import upsample_guided
from nirgan.errors import NirganError
from nirgan.layers.affine import coefficient_count, local_affine
from nirgan.layers.channel_norm import PixelNorm
from nirgan.layers.curves import local_curves
from nirgan.layers.gated_block import GatedBlock, Kernel
from nirgan.layers.reach import radius, reach
from nirgan.layers.residual import ResidualBlock
from nirgan.layers.upsample import enlarged
from nirgan.registry import GENERATORS

BlockKind = Literal["dense", "gated"]
"""Two 3×3 convolutions, or a gated depthwise one: much less arithmetic, and as much memory traffic."""

Drawn = Literal["curves", "affine", "direct"]
"""What the last convolution draws for each place: a curve from level to colour, an affine function, or the output."""
Padding = Literal["zeros", "replicate"]

WIDTHS, BLOCKS, DILATIONS = (32, 64, 128, 192, 192), (1, 1, 2, 1), (1, 2, 1)
CONTEXT_KERNEL: Kernel = 7
"""Of the blocks at the bottom: their farthest tap lies three dilations off."""
_BRANCH = 0.1
"""Factor on the start of what dense blocks add."""
_TAIL = 0.01
"""Factor on the start of the last convolution: with affine functions of the source, training begins with a copy."""


@GENERATORS.register("context-net", paper="ours")
class ContextNet(nn.Module):
    """Cells of pixels at once, strided 2×2 convolutions down, dilated gated blocks at the bottom, sums on the way up.

    Nothing runs at full resolution but the last step: curves or coefficients are enlarged and applied to the source,
    whose detail goes on. No layer takes statistics over the picture.

    Args:
        in_channels: Of the source.
        out_channels: Of the output.
        widths: Channels at the resolution of the cells, at half of that, a quarter, …; at least two.
        blocks: How many at each of them, but for the last, on the way down and again on the way up.
        dilations: One gated block with a 7×7 kernel each, at the last of them.
        block: Of which kind those of ``blocks`` are.
        kernel: Side of the gated blocks' depthwise convolution.
        norm: Of gated blocks, those at the bottom too.
        head: ``curves``: the last convolution draws for each cell which colour each level of the source takes there, so
            that neighbours may differ as the source does; ``affine``: an affine function of the source; ``direct``: the
            pixels of the cell.
        start: Of the first two: gain of the source in the output before training.
        cell: Side of the cells in pixels.
        knots: Of each curve.
        finest: How many of the first resolutions the way up leaves out: what is drawn is as coarse then, and smooth.
        padding: Beyond the picture's border: nothing, or its outermost pixels once more.
        dropout: Probability, while training, that a channel is left out of what goes down to the next resolution, or on
            from a block at the bottom.

    Raises:
        NirganError: if there are not as many numbers of blocks as widths but one, or nothing is left of the way up.

    Shape: (B, in_channels, H, W), H and W multiples of ``stride``, to what ``forward`` says; ``apply_to`` makes
    (B, out_channels, H, W) of it.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        widths: Sequence[int] = WIDTHS,
        blocks: Sequence[int] = BLOCKS,
        dilations: Sequence[int] = DILATIONS,
        block: BlockKind = "dense",
        kernel: Kernel = 3,
        norm: PixelNorm = "layer",
        head: Drawn = "curves",
        start: float = 1.0,
        cell: int = 2,
        knots: int = 8,
        finest: int = 0,
        padding: Padding = "zeros",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(widths) < 2 or len(blocks) != len(widths) - 1:
            raise NirganError(
                f"{len(widths)} widths and {len(blocks)} numbers of blocks: give two widths or more, and a number of "
                "blocks for each but the last"
            )

        if not finest < len(widths):
            raise NirganError(f"finest is {finest}, but there are {len(widths)} resolutions: give a smaller number")

        def stack(width: int, count: int) -> nn.Sequential:
            return nn.Sequential(*(_block(block, width, kernel, norm) for _ in range(count)))

        self.stride = cell * 2 ** (len(widths) - 1)
        self._head, self._start, self._out_channels = head, start, out_channels
        shallow, deeper = list(widths[:-1]), list(widths[1:])
        self.stem = nn.Sequential(nn.PixelUnshuffle(cell), nn.Conv2d(cell**2 * in_channels, widths[0], 3, padding=1))
        self.encoder = nn.ModuleList(map(stack, shallow, blocks))
        self.down = nn.ModuleList(nn.Conv2d(w, d, 2, stride=2) for w, d in zip(shallow, deeper, strict=True))
        self.context = nn.Sequential(
            *(GatedBlock(widths[-1], kernel=CONTEXT_KERNEL, dilation=each, norm=norm) for each in dilations)
        )
        self.drop = nn.Dropout2d(dropout)
        # Narrowed before it is enlarged: a quarter of the work.
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(d, w, 1), nn.Upsample(scale_factor=2, mode="bilinear"))
            for w, d in reversed(list(zip(shallow, deeper, strict=True))[finest:])
        )
        self.decoder = nn.ModuleList(map(stack, reversed(shallow[finest:]), reversed(blocks[finest:])))
        side = cell * 2**finest
        drawn = {
            "curves": out_channels * knots,
            "affine": coefficient_count(in_channels, out_channels),
            "direct": out_channels * side**2,
        }[head]
        self.tail = nn.Conv2d(widths[finest], drawn, 3, padding=1)
        self.drawn_channels = out_channels if head == "direct" else drawn
        self._enlarge = nn.PixelShuffle(side) if head == "direct" else nn.Upsample(scale_factor=side, mode="bilinear")
        _begin(self)
        _pad(self, padding)

    def forward(self, source: Tensor) -> tuple[Tensor, list[Tensor]]:
        """What ``apply_to`` makes the output of, and the features it was drawn from, for heads of other kinds.

        Args:
            source: (B, in_channels, H, W) in [-1, 1].

        Returns:
            Curves or coefficients for each cell of cell · 2^finest pixels (B, ·, h, w), or with ``head=direct`` colours
            for each pixel, not bounded; and features from the bottom up to where they are drawn.
        """
        skips: list[Tensor] = []
        x = self.stem(source)
        for blocks, down in zip(self.encoder, self.down, strict=True):
            x = blocks(x)
            skips.append(x)
            x = self.drop(down(x))
        for block in self.context:
            x = self.drop(block(x))
        features = [x]
        for up, blocks in zip(self.up, self.decoder, strict=True):
            features.append(blocks(skips.pop() + up(features[-1])))
        drawn = self.tail(features[-1])
        return self._enlarge(drawn) if self._head == "direct" else drawn, features

    def apply_to(self, source: Tensor, drawn: Tensor) -> Tensor:
        """The output (B, out_channels, H, W) for a source in [-1, 1], not bounded.

        Args:
            source: (B, in_channels, H, W).
            drawn: Of ``forward``, for this source or for a smaller copy of it: it is enlarged bilinearly, and the
                detail is that of the source given here. Colours (``head=direct``) are enlarged along its edges.
        """
        if self._head == "direct":
            return upsample_guided(drawn, (source.mean(dim=1, keepdim=True) + 1) / 2)
        if self._head == "curves":
            return local_curves(drawn, source, out_channels=self._out_channels, start=self._start)
        return local_affine(enlarged(drawn, source), source, start=self._start)

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source does not change what is drawn there."""
        return radius(self, self.stride)

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """First and last source column that the drawn columns ``first`` to ``last`` depend on, as ``layers.reach``."""
        # The way through the bottom sees farthest on both sides; what the sums add lies within it.
        down = [layer for pair in zip(self.encoder, self.down, strict=True) for layer in pair]
        up = [layer for pair in zip(self.up, self.decoder, strict=True) for layer in pair]
        return reach(nn.Sequential(self.stem, *down, self.context, *up, self.tail, self._enlarge), first, last)


def _block(kind: BlockKind, width: int, kernel: Kernel, norm: PixelNorm) -> nn.Module:
    if kind == "gated":
        return GatedBlock(width, kernel=kernel, norm=norm)
    return ResidualBlock(width, norm="none", padding="zeros")


@torch.no_grad()
def _begin(network: ContextNet) -> None:
    """Features of deviation one throughout, in place: without norms, a chain of sums would grow or fade else."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, module.weight[0].numel() ** -0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            [_, last] = [layer for layer in module.body if isinstance(layer, nn.Conv2d)]
            last.weight.mul_(_BRANCH)
    network.tail.weight.mul_(_TAIL)


def _pad(network: ContextNet, padding: Padding) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and any(module.padding):  # others would copy their input for nothing
            module.padding_mode = padding
