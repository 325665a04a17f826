"""EdgeNet of the S-shape network: a shallow encoder-decoder without skips that assists ColorNet."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from nirgan.layers.reach import radius
from nirgan.registry import GENERATORS

Depth = Literal[1, 2]
SLOPE = 0.2
"""Of the leaky ReLUs."""


@GENERATORS.register("edgenet", paper="10.1109/ICIP.2018.8451230")
class EdgeNet(nn.Module):
    """3×3 convolutions with stride 2, as many transposed ones, batch norms, leaky ReLUs, tanh.

    Args:
        in_channels: Of the picture.
        out_channels: Of the output.
        depth: Halvings. With one, as in the public code, all convolutions have biases and a norm follows the last, too;
            with two, as an account of the paper has it, only the last has a bias, and no norm.
        width: Channels inside.
        residual: Add what is drawn to the input, which the output then equals before training. It has as many
            channels.

    Shape: (B, in_channels, H, W) to (B, out_channels, H, W), in [-1, 1] but for ``residual``; H and W are multiples of
    ``stride``.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, depth: Depth = 2, width: int = 64, residual: bool = False
    ) -> None:
        super().__init__()
        self.depth, self.stride = depth, 2**depth
        self._residual = residual
        as_coded = depth == 1
        layers: list[nn.Module] = []
        for before in (in_channels, width)[:depth]:
            down = nn.Conv2d(before, width, 3, stride=2, padding=1, bias=as_coded)
            layers += [down, nn.BatchNorm2d(width), nn.LeakyReLU(SLOPE)]
        for _ in range(depth - 1):
            layers += [_enlarging(width, width, bias=False), nn.BatchNorm2d(width), nn.LeakyReLU(SLOPE)]
        last: list[nn.Module] = [_enlarging(width, out_channels, bias=True)]
        if as_coded:
            last.append(nn.BatchNorm2d(out_channels))
        self.body = nn.Sequential(*layers, *last, nn.Tanh())
        if residual:
            for parameter in last[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, picture: Tensor) -> Tensor:
        """Draw from (B, in_channels, H, W)."""
        drawn = self.body(picture)
        return picture + drawn if self._residual else drawn

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the input does not change the output there."""
        return radius(self.body, self.stride)


def _enlarging(in_channels: int, out_channels: int, *, bias: bool) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1, bias=bias)
