"""PatchGAN: a discriminator that judges overlapping patches (pix2pix, CycleGAN)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

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
        spectral: Divide each convolution's weights by their largest singular value (arXiv 1802.05957); their start
            then has a direction, and no size.

    Shape: (B, in_channels, H, W) to logits (B, 1, h, w); 256 gives 30×30 with 3 layers.
    """

    def __init__(
        self, in_channels: int, *, width: int = 64, layers: int = 3, norm: Norm = "batch", spectral: bool = False
    ) -> None:
        super().__init__()

        def conv(before: int, after: int, *, stride: int, bias: bool = True) -> nn.Module:
            layer = nn.Conv2d(before, after, 4, stride=stride, padding=1, bias=bias)
            return spectral_norm(layer) if spectral else layer

        body: list[nn.Module] = [conv(in_channels, width, stride=2), nn.LeakyReLU(SLOPE)]
        channels = width
        for layer in range(1, layers + 1):
            before, channels = channels, width * min(2**layer, 8)
            stride = 2 if layer < layers else 1
            body += [
                conv(before, channels, stride=stride, bias=bias_before(norm)),
                make_norm(norm, channels),
                nn.LeakyReLU(SLOPE),
            ]
        self.body = nn.Sequential(*body, conv(channels, 1, stride=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, one for each patch; above 0 means real."""
        return self.body(pictures)
