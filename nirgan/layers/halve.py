"""A picture at half its sides, for discriminators that judge at several scales."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GaussianHalf(nn.Module):
    """A 3×3 Gaussian (1, 2, 1)/4 both ways, over repeated borders; then every second pixel.

    Shape: (B, C, H, W) to (B, C, ⌈H/2⌉, ⌈W/2⌉), for any number of channels.
    """

    _kernel: Tensor

    def __init__(self) -> None:
        super().__init__()
        line = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("_kernel", torch.outer(line, line), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        """Blur and keep every second pixel."""
        channels = pictures.shape[1]
        kernel = self._kernel.to(pictures.dtype).expand(channels, 1, 3, 3)
        bordered = F.pad(pictures, (1, 1, 1, 1), mode="replicate")
        return F.conv2d(bordered, kernel, stride=2, groups=channels)
