"""VGG-16, read at all of its layers at once: hypercolumns (Larsson, Maire, Shakhnarovich 2016)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.layers.init import init_kaiming
from nirgan.layers.norm import bias_before, make_norm
from nirgan.layers.reach import radius, reach
from nirgan.registry import GENERATORS

BLOCKS = ((1, 2), (2, 2), (4, 3), (8, 3), (8, 3))
"""Of conv1 to conv5: channels in widths, convolutions; between two of them the sides are halved."""
CELL = 4
"""Pixels, in each direction, to one point of the dense answer."""


@GENERATORS.register("hypercolumn", paper="arXiv 1603.06668")
class Hypercolumn(nn.Module):
    """A fully convolutional VGG-16; at each point a small perceptron sees the source and every layer, interpolated.

    The paper concatenates a point's 12,417 numbers and multiplies them by one matrix. That is the sum of one product
    for each layer, and interpolating and averaging are linear and treat all channels alike, so they may come before or
    after the product: each layer is multiplied at its own resolution, or at the answer's where that is coarser, and the
    products are added up. The result is the same, and the hypercolumns are never built.

    Args:
        in_channels: Of the source.
        out_channels: Of the answer; the paper's are the logits of two histograms of 32 bins.
        width: Channels of the first layer; 64 is VGG-16.
        fc: Channels of fc6 (7×7) and fc7 (1×1); 4096 is VGG-16, 0 leaves both out.
        hidden: Numbers between hypercolumn and answer.
        norm: After each convolution of conv1 to conv5: ``batch``, as in VGG's later variants, or ``none``.
        dropout: Share of fc6, fc7 and the hidden numbers that training drops.

    Attributes:
        strides: Pixels to a cell of each layer of the hypercolumn, the source first.
        channels: Theirs.
        stride: Sides of sources are multiples of this.
        started: Whether the layers have got what they start from; networks that are trained further keep theirs.

    Shape: (B, in_channels, H, W) to (B, out_channels, H/4, W/4); at N single points to (B, out_channels, 1, N).
    """

    output_stride = CELL

    started: Tensor

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 64,
        *,
        width: int = 64,
        fc: int = 4096,
        hidden: int = 1024,
        norm: Literal["batch", "none"] = "none",
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleDict()
        strides, channels = [1], [in_channels]
        for block, (widths, count) in enumerate(BLOCKS):
            for number in range(count):
                pools = block > 0 and number == 0
                layer = _convolution(channels[-1], widths * width, norm=norm, pools=pools)
                self.layers[f"conv{block + 1}_{number + 1}"] = layer
                strides, channels = [*strides, 2**block], [*channels, widths * width]
        if fc:
            wide = nn.Conv2d(channels[-1], fc, 7, padding=3)
            self.layers["fc6"] = nn.Sequential(nn.MaxPool2d(2), wide, nn.ReLU(), nn.Dropout(dropout))
            self.layers["fc7"] = nn.Sequential(nn.Conv2d(fc, fc, 1), nn.ReLU(), nn.Dropout(dropout))
            strides, channels = [*strides, 32, 32], [*channels, fc, fc]
        self.strides, self.channels, self.stride = tuple(strides), tuple(channels), strides[-1]
        self.resize = nn.ModuleDict({str(stride): _to_cells(stride) for stride in dict.fromkeys(strides)})
        # One matrix, cut by layers; its bias comes with the first.
        mix = [nn.Conv2d(count, hidden, 1, bias=n == 0) for n, count in enumerate(channels)]
        answer = nn.Conv2d(hidden, out_channels, 1)
        self.mix, self.top = nn.ModuleList(mix), nn.Sequential(nn.ReLU(), nn.Dropout(dropout), answer)
        init_kaiming(self)
        for part in mix:  # their sum has the variance that one matrix would give, if layers have the scale 1
            nn.init.normal_(part.weight, std=math.sqrt(2 / self.length))
        nn.init.normal_(answer.weight, std=0.01)
        self.register_buffer("started", torch.tensor(False))

    @property
    def length(self) -> int:
        """Numbers of a hypercolumn."""
        return sum(self.channels)

    def features(self, source: Tensor) -> Iterator[Tensor]:
        """The layers of the hypercolumn, each at its own resolution: the source, then every layer after its ReLU."""
        features = source
        yield features
        for layer in self.layers.values():
            features = layer(features)
            yield features

    def forward(self, source: Tensor) -> Tensor:
        """Answer for each cell of 4×4 pixels; finer layers are averaged over it, coarser ones enlarged bilinearly."""
        sums: dict[int, Tensor] = {}
        for stride, features, mix in zip(self.strides, self.features(source), self.mix, strict=True):
            if stride < CELL:
                features = self.resize[str(stride)](features)
            part, size = mix(features), max(stride, CELL)
            sums[size] = sums[size] + part if size in sums else part
        hidden = sums.pop(CELL)
        for stride, part in sums.items():
            hidden = hidden + self.resize[str(stride)](part)
        return self.top(hidden)

    def at(self, source: Tensor, places: Tensor) -> Tensor:
        """Answer at single points; of each layer the gradient goes to the four cells around a point.

        Args:
            source: (B, in_channels, H, W).
            places: x and y (B,N,2) float32, from -1 at the left and upper edge of the source to 1 at the others.

        Returns:
            (B, out_channels, 1, N).
        """
        hidden: Tensor | None = None
        for features, mix in zip(self.features(source), self.mix, strict=True):
            # In float32: half precision would be pixels off.
            points = F.grid_sample(features.float(), places[:, None], padding_mode="border", align_corners=False)
            part = mix(points)
            hidden = part if hidden is None else hidden + part
        return self.top(hidden)

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """First and last column of the source that the answer's columns ``first`` to ``last`` depend on."""
        layers = list(self.layers.values())
        ends = [
            reach(nn.Sequential(*layers[:depth], self.resize[str(stride)]), first, last)
            for depth, stride in enumerate(self.strides)
        ]
        return min(begin for begin, _ in ends), max(end for _, end in ends)

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source does not change the answer there, enlarged bilinearly."""
        return radius(nn.Sequential(self, nn.Upsample(scale_factor=CELL, mode="bilinear")), self.stride)


def _convolution(before: int, after: int, *, norm: Literal["batch", "none"], pools: bool) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, padding=1, bias=bias_before(norm))
    normed: list[nn.Module] = [make_norm(norm, after)] if norm != "none" else []
    return nn.Sequential(*([nn.MaxPool2d(2)] if pools else []), convolution, *normed, nn.ReLU())


def _to_cells(stride: int) -> nn.Module:
    """From a layer's resolution to that of the dense answer."""
    if stride < CELL:
        return nn.AvgPool2d(CELL // stride)
    return nn.Upsample(scale_factor=stride // CELL, mode="bilinear") if stride > CELL else nn.Identity()
