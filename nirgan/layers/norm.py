"""Normalisation by name."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Norm = Literal["batch", "instance", "none"]


_ACCURATE = 2**18
"""Values of a channel up to which the CPU's channels-last kernel is accurate to 1e-4: it adds them up in float32."""


class InstanceNorm2d(nn.InstanceNorm2d):
    """Instance norm that keeps the channels-last layout on the CPU: batch norm of one picture at a time.

    torch's own rearranges the features and answers contiguous ones, which the next convolution rearranges again: three
    to five times the work. For a batch of one whose gradient is channels-last, torch 2.15 besides gives a wrong
    gradient.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each channel of each picture (B,C,H,W)."""
        values = input.shape[-2] * input.shape[-1]
        if self.track_running_stats or input.device.type != "cpu" or values == 1:
            return super().forward(input)
        normalised = [
            F.batch_norm(
                picture if values <= _ACCURATE else picture.contiguous(),
                None,
                None,
                self.weight,
                self.bias,
                training=True,
                eps=self.eps,
            )
            for picture in input.split(1)
        ]
        return normalised[0] if len(normalised) == 1 else torch.cat(normalised)


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """A 2-d norm: ``batch``; ``instance`` without scale, shift and running statistics, as in CycleGAN; or ``none``."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return InstanceNorm2d(channels)
    return nn.Identity()


def bias_before(kind: Norm) -> bool:
    """Whether a convolution before this norm has a bias: batch norm brings its own shift, the others do not.

    Instance norm takes the bias out again; CycleGAN's networks have it all the same, and counts of parameters tell.
    """
    return kind != "batch"
