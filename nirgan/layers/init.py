"""Starting weights."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd


def init_normal(network: nn.Module, *, std: float = 0.02) -> None:
    """DCGAN's start, in place: convolutions and linear layers N(0, std), batch norm's gains N(1, std), biases 0."""
    for module in network.modules():
        if isinstance(module, _ConvNd | nn.Linear):
            nn.init.normal_(module.weight, 0.0, std)
        elif isinstance(module, _BatchNorm) and module.affine:
            nn.init.normal_(module.weight, 1.0, std)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def init_kaiming(network: nn.Module) -> None:
    """He's start for ReLUs, in place: convolutions N(0, 2 / inputs of an output), biases 0 (MUNIT's code)."""
    for module in network.modules():
        if isinstance(module, _ConvNd):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
