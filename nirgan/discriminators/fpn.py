"""A feature-pyramid discriminator: judges at three scales with one backbone."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.discriminators.patch import SLOPE
from nirgan.layers.norm import Norm, bias_before, make_norm
from nirgan.registry import DISCRIMINATORS


@DISCRIMINATORS.register("fpn", paper="10.1109/ACCESS.2019.2933671")
class FpnDiscriminator(nn.Module):
    """Feature pyramid (Lin et al. 2017) over a patch discriminator's layers, with a head per level.

    The asymmetric CycleGAN says that its discriminator for colour uses one; the layers are ours. Fields of the three
    logit maps: 94, 110 and 142 pixels.

    Args:
        in_channels: Of what is judged.
        width: Channels of the first layer; the last has eight times, the pyramid four times as many.
        norm: Of the backbone's layers but the first.

    Shape: (B, in_channels, H, W) to logits (B, 1, H/4, W/4), (B, 1, H/8, W/8), (B, 1, H/16, W/16).
    """

    def __init__(self, in_channels: int, *, width: int = 64, norm: Norm = "batch") -> None:
        super().__init__()
        pyramid = 4 * width
        levels = (2 * width, 4 * width, 8 * width)

        def layer(before: int, after: int, size: int, stride: int) -> list[nn.Module]:
            conv = nn.Conv2d(before, after, size, stride=stride, padding=1, bias=bias_before(norm))
            return [conv, make_norm(norm, after), nn.LeakyReLU(SLOPE)]

        self.first = nn.Sequential(nn.Conv2d(in_channels, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE))
        self.backbone = nn.ModuleList(
            [
                nn.Sequential(*layer(width, levels[0], 4, 2)),
                nn.Sequential(*layer(levels[0], levels[1], 4, 2)),
                nn.Sequential(*layer(levels[1], levels[2], 4, 2), *layer(levels[2], levels[2], 3, 1)),
            ]
        )
        self.lateral = nn.ModuleList(nn.Conv2d(channels, pyramid, 1) for channels in levels)
        self.smooth = nn.ModuleList(
            nn.Sequential(nn.Conv2d(pyramid, pyramid, 3, padding=1), nn.LeakyReLU(SLOPE)) for _ in levels
        )
        self.head = nn.ModuleList(nn.Conv2d(pyramid, 1, 3, padding=1) for _ in levels)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Logits at strides 4, 8 and 16; above 0 means real."""
        x = self.first(pictures)
        features = []
        for stage, lateral in zip(self.backbone, self.lateral, strict=True):
            x = stage(x)
            features.append(lateral(x))
        for finer, coarser in ((1, 2), (0, 1)):  # top-down
            size = features[finer].shape[-2:]
            features[finer] = features[finer] + F.interpolate(features[coarser], size=size, mode="nearest")
        return [head(smooth(feature)) for head, smooth, feature in zip(self.head, self.smooth, features, strict=True)]
