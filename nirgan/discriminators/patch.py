"""PatchGAN: a discriminator that judges overlapping patches (pix2pix, CycleGAN)."""

from __future__ import annotations

from torch import Tensor, nn

from nirgan.layers.norm import Norm, bias_before, make_norm
from nirgan.registry import DISCRIMINATORS

SLOPE = 0.2
"""Of every leaky ReLU."""


@DISCRIMINATORS.register("patch", paper="arXiv 1611.07004")
class PatchDiscriminator(nn.Module):
    """4×4 convolutions: ``layers`` with stride 2, two with stride 1; no norm on the first and the last.

    The field of a logit is 16, 34, 70, 142, 286, 574 pixels for 1 to 6 layers.

    Args:
        in_channels: Of what is judged; a conditional discriminator gets source and output together.
        width: Channels of the first layer; they double up to eight times that.
        layers: Convolutions with stride 2.
        norm: Of the layers between.

    Shape: (B, in_channels, H, W) to logits (B, 1, h, w); 256 gives 30×30 with 3 layers.
    """

    def __init__(self, in_channels: int, *, width: int = 64, layers: int = 3, norm: Norm = "batch") -> None:
        super().__init__()
        body: list[nn.Module] = [nn.Conv2d(in_channels, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
        channels = width
        for layer in range(1, layers + 1):
            before, channels = channels, width * min(2**layer, 8)
            stride = 2 if layer < layers else 1
            body += [
                nn.Conv2d(before, channels, 4, stride=stride, padding=1, bias=bias_before(norm)),
                make_norm(norm, channels),
                nn.LeakyReLU(SLOPE),
            ]
        self.body = nn.Sequential(*body, nn.Conv2d(channels, 1, 4, stride=1, padding=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, one for each patch; above 0 means real."""
        return self.body(pictures)
