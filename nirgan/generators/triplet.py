"""SC-GAN's generator: a branch of its own for each colour channel, the source and noise beside every layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.generators.unet import UNet
from nirgan.layers.affine import Head, coefficient_count, local_affine
from nirgan.layers.noise_maps import NoiseMaps, no_noise
from nirgan.layers.norm import make_norm
from nirgan.registry import GENERATORS

BranchKind = Literal["plain", "unet"]
"""What stands between a branch's first layer and its last: convolutions at full resolution, or a U-Net."""

Join = Callable[[Tensor], Tensor]


@GENERATORS.register("triplet", paper="ICIP 2018: Near InfraRed Imagery Colorization")
class TripletGenerator(nn.Module):
    """Three branches that share nothing; each makes one channel.

    The sources at hand give the idea; layers and widths are ours.

    Args:
        in_channels: Of the source.
        width: Channels of each branch's first layer.
        branch: ``plain`` sees 13 pixels, ``unet`` as far as its levels reach.
        levels: Resolutions of a ``unet`` branch, the source's own among them: at least 2.
        flat: One branch that makes all three channels (the 2017 DCGAN).
        head: Draw the output, or an affine function of the source for each pixel, which keeps its detail.

    Shape: (B, in_channels, H, W) to (B, 3, H, W), in [-1, 1]; H and W are multiples of ``stride``.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        width: int = 64,
        branch: BranchKind = "plain",
        levels: int = 3,
        flat: bool = False,
        head: Head = "direct",
    ) -> None:
        super().__init__()
        outputs = (3,) if flat else (1, 1, 1)
        self.branches = nn.ModuleList(
            Branch(in_channels, channels, width=width, kind=branch, levels=levels, head=head) for channels in outputs
        )

    def forward(self, source: Tensor, noise: NoiseMaps = no_noise) -> Tensor:
        """Translate (B, in_channels, H, W) in [-1, 1]; every layer but a branch's last gets a map of noise."""
        return torch.cat([branch(source, noise) for branch in self.branches], dim=1)

    @property
    def stride(self) -> int:
        """Sides are multiples of this."""
        return self._one.stride

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source does not change the output there."""
        return self._one.radius

    @property
    def _one(self) -> Branch:
        one = self.branches[0]
        assert isinstance(one, Branch)
        return one


class Branch(nn.Module):
    """A 3×3 convolution of source and noise, a body, and a 3×3 convolution of its features and the source.

    Args:
        in_channels: Of the source.
        out_channels: Of the output.
        width: Channels of the first layer's features and the body's.
        kind: Of body.
        levels: Of a U-Net.
        head: As of ``TripletGenerator``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, width: int, kind: BranchKind, levels: int, head: Head
    ) -> None:
        super().__init__()
        beside = in_channels + 1
        self.first = _layer(beside, width)
        self.body: PlainBody | UNet = (
            PlainBody(width, beside=beside) if kind == "plain" else _unet(width, levels, beside=beside)
        )
        self._skip = kind == "unet"  # that of the first layer, the only one at full resolution
        self._affine = head == "affine"
        drawn = coefficient_count(in_channels, out_channels) if self._affine else out_channels
        self.last = nn.Conv2d((1 + self._skip) * width + in_channels, drawn, 3, padding=1)

    def forward(self, source: Tensor, noise: NoiseMaps) -> Tensor:
        """Make this branch's channels (B, out_channels, H, W) in [-1, 1]."""
        first = self.first(torch.cat([source, noise(source, 1)], dim=1))
        features = [self.body(first, _joining(source, noise)), *([first] if self._skip else [])]
        drawn = self.last(torch.cat([*features, source.to(first.dtype)], dim=1))
        return torch.tanh(local_affine(drawn, source, start=1.0) if self._affine else drawn)

    @property
    def stride(self) -> int:
        """Sides are multiples of this."""
        return self.body.stride

    @property
    def radius(self) -> int:
        """That of the body and of the two 3×3 convolutions."""
        return self.body.radius + 2


class PlainBody(nn.ModuleList):
    """Four 3×3 convolutions, two that double the channels and two that halve them, at one resolution.

    Args:
        width: Channels in and out.
        beside: Channels that ``join`` puts beside each layer's input.
    """

    stride = 1

    def __init__(self, width: int, *, beside: int) -> None:
        steps = ((width, 2 * width), (2 * width, 4 * width), (4 * width, 2 * width), (2 * width, width))
        super().__init__(_layer(before + beside, after) for before, after in steps)

    def forward(self, x: Tensor, join: Join) -> Tensor:
        """Map (B, width, H, W) to the same."""
        for layer in self:
            x = layer(join(x))
        return x

    @property
    def radius(self) -> int:
        """One pixel for each layer."""
        return len(self)


def _layer(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1, bias=False), make_norm("batch", after), nn.ReLU())


def _unet(width: int, levels: int, *, beside: int) -> UNet:
    """The plain body with its widths at lower and lower resolution; the U-Net's tanh is its last activation."""
    channels = [width * min(2**level, 8) for level in range(1, levels)]
    return UNet(width, width, channels=channels, upsample="resize", beside=beside)


def _joining(source: Tensor, noise: NoiseMaps) -> Join:
    """Give a function that puts the source, in their size, and new noise beside features of any resolution."""

    def join(features: Tensor) -> Tensor:
        cell = source.shape[-1] // features.shape[-1]
        there = (source if cell == 1 else F.avg_pool2d(source, cell)).to(features.dtype)
        return torch.cat([features, there, noise(there, cell)], dim=1)

    return join
