"""PixelGAN: a discriminator that judges single pixels (pix2pix)."""

from __future__ import annotations

from torch import Tensor, nn

from nirgan.discriminators.patch import SLOPE
from nirgan.layers.norm import Norm, bias_before, make_norm
from nirgan.registry import DISCRIMINATORS


@DISCRIMINATORS.register("pixel", paper="arXiv 1611.07004")
class PixelDiscriminator(nn.Module):
    """Three 1×1 convolutions: colour statistics without any structure.

    Args:
        in_channels: Of what is judged.
        width: Channels of the first layer; the second has twice as many.
        norm: Of the second layer.

    Shape: (B, in_channels, H, W) to logits (B, 1, H, W).
    """

    def __init__(self, in_channels: int, *, width: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, width, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, 2 * width, 1, bias=bias_before(norm)),
            make_norm(norm, 2 * width),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * width, 1, 1),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, one for each pixel; above 0 means real."""
        return self.body(pictures)
