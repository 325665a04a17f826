"""A discriminator of nothing but convolutions with stride 2 (UNIT, and MUNIT after it)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from nirgan.registry import DISCRIMINATORS


@DISCRIMINATORS.register("strided", paper="arXiv 1703.00848")
class StridedDiscriminator(nn.Module):
    """``layers`` convolutions with stride 2, channels doubling without end, and a 1×1 one; no norm.

    The field of a logit is 31 pixels for 4 layers of 3×3, 127 for 6, and 46 for 4 layers of 4×4.

    Args:
        in_channels: Of what is judged.
        width: Channels of the first layer.
        layers: Convolutions with stride 2.
        kernel: Their side.
        slope: Of the leaky ReLUs.
        padding: ``zeros`` or ``reflect``, of one pixel.

    Shape: (B, in_channels, H, W) to logits (B, 1, H/2^layers, W/2^layers); 256 gives 4×4 with 6 layers.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        width: int = 64,
        layers: int = 6,
        kernel: Literal[3, 4] = 3,
        slope: float = 0.01,
        padding: Literal["zeros", "reflect"] = "zeros",
    ) -> None:
        super().__init__()
        body: list[nn.Module] = []
        before = in_channels
        for layer in range(layers):
            after = width * 2**layer
            conv = nn.Conv2d(before, after, kernel, stride=2, padding=1, padding_mode=padding)
            body += [conv, nn.LeakyReLU(slope)]
            before = after
        self.body = nn.Sequential(*body, nn.Conv2d(before, 1, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, one for each patch; above 0 means real."""
        return self.body(pictures)
