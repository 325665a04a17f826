"""The main network of Real-Time User-Guided Image Colorization: down to an eighth, dilated, up again with sums."""

from __future__ import annotations

from torch import Tensor, nn

from nirgan.layers.activation import Activation, make_activation
from nirgan.layers.reach import radius, reach
from nirgan.registry import GENERATORS

SLOPE = 0.2
"""Of the last leaky ReLU."""


@GENERATORS.register("siggraph17", paper="arXiv 1705.02999")
class Siggraph17(nn.Module):
    """Seven blocks of 3×3 convolutions and ReLUs down, three up, each to a sum with features of its own size.

    Blocks are modules, called as in the authors' codes: conv1 to conv10, and conv8_up, conv9_up and conv10_up for the
    sums. Whatever replaces a block's answer (a forward hook) is what all later blocks and sums get.

    Args:
        in_channels: Lightness, a and b of hints, and where hints are.
        out_channels: a and b.
        width: Channels of the first block; the widest have eight times as many.
        classes: Of the head ``model_class``, a 1×1 convolution on conv8; 0 leaves it out.
        activation: The last: ``tanh`` for a and b, ``relu`` for features.

    Shape: (B, in_channels, H, W) to (B, out_channels, H, W), in [-1, 1] with tanh; H and W are multiples of ``stride``.
    """

    stride = 8

    def __init__(
        self,
        in_channels: int = 4,
        out_channels: int = 2,
        *,
        width: int = 64,
        classes: int = 0,
        activation: Activation = "tanh",
    ) -> None:
        super().__init__()
        twice, four, eight = 2 * width, 4 * width, 8 * width
        self.conv1 = nn.Sequential(*_convolutions(in_channels, width, 2), nn.BatchNorm2d(width))
        self.conv2 = nn.Sequential(EverySecond(), *_convolutions(width, twice, 2), nn.BatchNorm2d(twice))
        self.conv3 = nn.Sequential(EverySecond(), *_convolutions(twice, four, 3), nn.BatchNorm2d(four))
        self.conv4 = nn.Sequential(EverySecond(), *_convolutions(four, eight, 3), nn.BatchNorm2d(eight))
        self.conv5 = nn.Sequential(*_convolutions(eight, eight, 3, dilation=2), nn.BatchNorm2d(eight))
        self.conv6 = nn.Sequential(*_convolutions(eight, eight, 3, dilation=2), nn.BatchNorm2d(eight))
        self.conv7 = nn.Sequential(*_convolutions(eight, eight, 3), nn.BatchNorm2d(eight))
        self.conv8_up = UpAndAdd(eight, four, beside=four)
        self.conv8 = nn.Sequential(nn.ReLU(), *_convolutions(four, four, 2), nn.BatchNorm2d(four))
        self.conv9_up = UpAndAdd(four, twice, beside=twice)
        self.conv9 = nn.Sequential(nn.ReLU(), *_convolutions(twice, twice, 1), nn.BatchNorm2d(twice))
        self.conv10_up = UpAndAdd(twice, twice, beside=width)
        self.conv10 = nn.Sequential(nn.ReLU(), nn.Conv2d(twice, twice, 3, padding=1), nn.LeakyReLU(SLOPE))
        self.out = nn.Sequential(nn.Conv2d(twice, out_channels, 1), make_activation(activation))
        self.model_class = nn.Conv2d(four, classes, 1) if classes else None

    def forward(self, source: Tensor) -> Tensor:
        """Colours of a source (B, in_channels, H, W)."""
        return self.colours(*self.trunk(source))

    def trunk(self, source: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the colours are made from: features of conv1 at full size, of conv2 at half, of conv8 at a quarter.

        The head ``model_class`` stands on the last of them.
        """
        conv1 = self.conv1(source)
        conv2 = self.conv2(conv1)
        conv3 = self.conv3(conv2)
        deep = self.conv7(self.conv6(self.conv5(self.conv4(conv3))))
        return conv1, conv2, self.conv8(self.conv8_up(deep, conv3))

    def colours(self, conv1: Tensor, conv2: Tensor, conv8: Tensor) -> Tensor:
        """The last two blocks up and the output, from what ``trunk`` gives."""
        conv9 = self.conv9(self.conv9_up(conv8, conv2))
        return self.out(self.conv10(self.conv10_up(conv9, conv1)))

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source does not change the output there."""
        return radius(self, self.stride)

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """First and last source column that the output columns ``first`` to ``last`` depend on, as ``layers.reach``."""
        # The way through all blocks sees farthest on both sides; what the sums add lies within it.
        down = (self.conv1, self.conv2, self.conv3, self.conv4, self.conv5, self.conv6, self.conv7)
        up = (self.conv8_up.up, self.conv8, self.conv9_up.up, self.conv9, self.conv10_up.up, self.conv10, self.out)
        return reach(nn.Sequential(*down, *up), first, last)


class UpAndAdd(nn.Module):
    """A 4×4 transposed convolution to twice the size, plus a 3×3 convolution of features that have that size.

    Shape: (B, in_channels, h, w) and (B, beside, 2h, 2w) to (B, out_channels, 2h, 2w).
    """

    def __init__(self, in_channels: int, out_channels: int, *, beside: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(in_channels, out_channels, 4, stride=2, padding=1)
        self.shortcut = nn.Conv2d(beside, out_channels, 3, padding=1)

    def forward(self, deep: Tensor, beside: Tensor) -> Tensor:
        """The sum, before any ReLU."""
        return self.up(deep) + self.shortcut(beside)


class EverySecond(nn.Module):
    """Every second row and column of (B, C, H, W); the Caffe net does it by a fixed convolution."""

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, ⌈H/2⌉, ⌈W/2⌉)."""
        return features[..., ::2, ::2]

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """As ``layers.reach``."""
        return 2 * first, 2 * last


def _convolutions(before: int, after: int, count: int, *, dilation: int = 1) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for _ in range(count):
        layers += [nn.Conv2d(before, after, 3, padding=dilation, dilation=dilation), nn.ReLU()]
        before = after
    return layers
