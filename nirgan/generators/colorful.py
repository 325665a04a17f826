"""The network of Colorful Image Colorization: VGG-like, strides in place of pools, dilation in the middle, no skips."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from nirgan.layers.activation import Activation, make_activation
from nirgan.layers.reach import radius
from nirgan.registry import GENERATORS

BLOCKS = ((1, 2, 2, 1), (2, 2, 2, 1), (4, 3, 2, 1), (8, 3, 1, 1), (8, 3, 1, 2), (8, 3, 1, 2), (8, 3, 1, 1))
"""Of conv1 to conv7: channels in widths, convolutions, stride of the last of them, dilation."""


@GENERATORS.register("colorful", paper="arXiv 1603.08511")
class Colorful(nn.Module):
    """Seven blocks of 3×3 convolutions and ReLUs down to an eighth of the sides, and one up to a quarter.

    A batch norm follows the last ReLU of each block but the eighth, as in the released files. Theirs has no scale and
    shift in Caffe and has them in PyTorch; here it has them.

    Args:
        in_channels: Of the source.
        out_channels: Features of the last block; the paper has 256, from which a 1×1 convolution makes 313 logits.
        width: Channels of the first block; the widest have eight times as many.
        activation: The last: ``relu`` for features, as in the paper.

    Shape: (B, in_channels, H, W) to (B, out_channels, H/4, W/4); H and W are multiples of ``stride``.
    """

    stride = 8
    output_stride = 4
    """Pixels of the source, in each direction, to one of the output."""

    def __init__(
        self, in_channels: int = 1, out_channels: int = 256, *, width: int = 64, activation: Activation = "relu"
    ) -> None:
        super().__init__()
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        before = in_channels
        for number, (widths, count, stride, dilation) in enumerate(BLOCKS, 1):
            after = widths * width
            blocks[f"conv{number}"] = _block(before, after, count=count, stride=stride, dilation=dilation)
            before = after
        blocks["conv8"] = nn.Sequential(
            nn.ConvTranspose2d(before, out_channels, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            make_activation(activation),
        )
        self.body = nn.Sequential(blocks)

    def forward(self, source: Tensor) -> Tensor:
        """Features of a source (B, in_channels, H, W); the paper's range is [-0.5, 0.5]."""
        return self.body(source)

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source does not change the cell of the output that the point lies in."""
        return radius(nn.Sequential(self.body, nn.Upsample(scale_factor=self.output_stride)), self.stride)


def _block(before: int, after: int, *, count: int, stride: int, dilation: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for number in range(count):
        layers += [
            nn.Conv2d(
                before if number == 0 else after,
                after,
                3,
                stride=stride if number == count - 1 else 1,
                padding=dilation,
                dilation=dilation,
            ),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.BatchNorm2d(after))
