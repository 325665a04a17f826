"""A picture's features and one vector for all of it, joined at every point."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class Fusion(nn.Conv2d):
    """W [m(u, v); g] + b at every point: features m there, and g, which is the same everywhere.

    That is a 1×1 convolution of the features with the vector repeated at every point beside them (Iizuka et al. 2016,
    Baldassarre et al. 2017), whose weights and start it has. The repeated vector, which may have 1,001 channels, is
    never made: its part of the product is computed once a picture.

    Args:
        local_channels: Of the features.
        global_channels: Of the vector.
        out_channels: Of the result, before any ReLU.
        bias: Whether there is one.

    Shape: (B, local_channels, h, w) and (B, global_channels) to (B, out_channels, h, w).
    """

    def __init__(self, local_channels: int, global_channels: int, out_channels: int, *, bias: bool = True) -> None:
        super().__init__(local_channels + global_channels, out_channels, 1, bias=bias)
        self.local_channels = local_channels

    def forward(self, local: Tensor, vector: Tensor) -> Tensor:  # type: ignore[override]  # two inputs, not one
        """Join the features of pictures with their vectors."""
        at_points = F.conv2d(local, self.weight[:, : self.local_channels])
        everywhere = F.linear(vector, self.weight[:, self.local_channels :, 0, 0], self.bias)
        return at_points + everywhere[:, :, None, None]
