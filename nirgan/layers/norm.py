"""Normalisation by name."""

from __future__ import annotations

from typing import Literal

from torch import nn

Norm = Literal["batch", "instance", "none"]


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """A 2-d norm: ``batch``; ``instance`` without scale, shift and running statistics, as in CycleGAN; or ``none``."""
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    if kind == "instance":
        return nn.InstanceNorm2d(channels)
    return nn.Identity()


def bias_before(kind: Norm) -> bool:
    """Whether a convolution before this norm has a bias: batch norm brings its own shift, the others do not.

    Instance norm takes the bias out again; CycleGAN's networks have it all the same, and counts of parameters tell.
    """
    return kind != "batch"
