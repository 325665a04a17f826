"""DCGAN's discriminator: strided convolutions down to one logit."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from nirgan.discriminators.patch import SLOPE
from nirgan.layers.norm import Norm, bias_before, make_norm
from nirgan.registry import DISCRIMINATORS


@DISCRIMINATORS.register("dcgan", paper="arXiv 1511.06434")
class DcganDiscriminator(nn.Module):
    """Four 4×4 convolutions with stride 2 and one without padding; no norm on the first and the last.

    A ``PatchDiscriminator`` of as many weights strides three times and judges overlapping patches; this one judges a
    crop of 64 as a whole, and larger ones by fields of 94 pixels, 16 apart.

    Args:
        in_channels: Of what is judged; a conditional discriminator gets source and output together.
        width: Channels of the first layer; they double up to eight times that.
        norm: Of the layers between.

    Shape: (B, in_channels, H, W) to logits (B, 1, H/16 - 3, W/16 - 3), from 64 pixels.
    """

    def __init__(self, in_channels: int, *, width: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        first = nn.Sequential(nn.Conv2d(in_channels, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE))
        self.hidden = nn.ModuleList([first])
        for before in (width, 2 * width, 4 * width):
            conv = nn.Conv2d(before, 2 * before, 4, stride=2, padding=1, bias=bias_before(norm))
            self.hidden.append(nn.Sequential(conv, make_norm(norm, 2 * before), nn.LeakyReLU(SLOPE)))
        self.out = nn.Conv2d(8 * width, 1, 4)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits; above 0 means real."""
        return self.judge(self.features(pictures))

    def features(self, pictures: Tensor) -> list[Tensor]:
        """What the four hidden layers see, from the finest: half the sides to a sixteenth."""
        features = [pictures]
        for layer in self.hidden:
            features.append(layer(features[-1]))
        return features[1:]

    def judge(self, features: Sequence[Tensor]) -> Tensor:
        """Logits of pictures with these features."""
        return self.out(features[-1])
