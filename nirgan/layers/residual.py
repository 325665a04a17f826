"""The residual block of image-to-image networks."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from nirgan.layers.norm import Norm, bias_before, make_norm


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with norms and a ReLU between them, added to the input (Johnson et al. 2016).

    Args:
        channels: In and out.
        norm: After each convolution.
        padding: ``reflect`` (CycleGAN) needs sides of at least 2; ``zeros`` (UNIT) takes any.
        dropout: Probability, after the second norm (UNIT); 0 has no such layer.

    Shape: (B, channels, H, W) to the same.
    """

    def __init__(
        self,
        channels: int,
        *,
        norm: Norm = "batch",
        padding: Literal["reflect", "zeros"] = "reflect",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()

        def conv() -> nn.Conv2d:
            return nn.Conv2d(channels, channels, 3, padding=1, padding_mode=padding, bias=bias_before(norm))

        layers = [conv(), make_norm(norm, channels), nn.ReLU(), conv(), make_norm(norm, channels)]
        self.body = nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))

    def forward(self, x: Tensor) -> Tensor:
        """Add what the block changes."""
        return x + self.body(x)
