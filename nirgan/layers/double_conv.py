"""The block of U-Nets with pooling."""

from __future__ import annotations

from torch import nn


class DoubleConv(nn.Sequential):
    """Two 3×3 convolutions, each with batch norm and ReLU (Ronneberger et al. 2015, with norms).

    The convolutions have biases, which batch norm takes out again, as the codes do and counts of parameters tell.

    Shape: (B, in_channels, H, W) to (B, out_channels, H, W).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        layers: list[nn.Module] = []
        for before in (in_channels, out_channels):
            layers += [nn.Conv2d(before, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels), nn.ReLU(True)]
        super().__init__(*layers)
