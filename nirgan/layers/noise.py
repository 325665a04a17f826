"""Prediction with the randomness and statistics of training: pix2pix's way to test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd


@contextmanager
def dropout_on(network: nn.Module, seed: int, device: torch.device) -> Iterator[None]:
    """Let a network in eval mode drop out, the same way for the same seed; other random numbers go on as before."""
    layers = [module for module in network.modules() if isinstance(module, _DropoutNd) and not module.training]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        _set_training(layers, True)
        try:
            yield
        finally:
            _set_training(layers, False)


@contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Let batch norms in eval mode use what they see; their running statistics stay as they are."""
    layers = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats and not m.training]
    _set_training(layers, True)
    for layer in layers:
        layer.track_running_stats = False
    try:
        yield
    finally:
        _set_training(layers, False)
        for layer in layers:
            layer.track_running_stats = True


def _set_training(layers: Sequence[nn.Module], mode: bool) -> None:
    for layer in layers:
        layer.train(mode)
