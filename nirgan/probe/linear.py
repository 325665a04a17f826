"""Linear classifiers on features that stay as they are, one a layer, trained together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from nirgan.probe.store import FeatureStore

BATCH = 64
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-4

Rows = NDArray[np.int64]
"""Numbers of pictures."""


class LinearProbe(nn.Module):
    """Batch norm without scale and shift, and one linear layer (Zhang, Isola and Efros 2016).

    It begins at zero: the loss is convex, and where it leads does not hang on a draw. Norm statistics of evaluation are
    those of all batches so far, not of the last few.

    Args:
        channels: Of the features.
        cells: For each channel.
        classes: To tell apart.

    Shape: (B, channels, cells) to logits (B, classes).
    """

    def __init__(self, channels: int, cells: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels, affine=False, momentum=None)
        self.linear = nn.Linear(channels * cells, classes)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Score the classes."""
        return self.linear(self.norm(features).flatten(1))


def fit(
    store: FeatureStore,
    labels: Tensor,
    rows: Rows,
    *,
    classes: int,
    epochs: int,
    seed: int,
    device: torch.device,
    on_pictures: Callable[[int], None] = lambda count: None,
) -> dict[str, LinearProbe]:
    """Train a classifier for each layer of a store on the same batches, by Adam with a rate that falls to zero.

    Args:
        store: Features.
        labels: Class of each of its rows (rows,) int64.
        rows: Those to train on.
        classes: How many there are.
        epochs: Passes over ``rows``.
        seed: Of the order.
        device: Where classifiers are.
        on_pictures: Told how many pictures went by.

    Returns:
        By layer, in eval mode.
    """
    probes = {layer: LinearProbe(*size, classes).to(device) for layer, size in store.sizes.items()}
    parameters = [parameter for probe in probes.values() for parameter in probe.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=epochs)
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        for batch in _batches(order.permutation(rows)):
            _step(probes, optimiser, store, labels[batch].to(device), batch)
            on_pictures(len(batch))
        schedule.step()
    return {layer: probe.eval() for layer, probe in probes.items()}


@torch.no_grad()
def correct(
    probes: Mapping[str, LinearProbe], store: FeatureStore, labels: Tensor, rows: Rows
) -> dict[str, NDArray[np.bool_]]:
    """Whether each layer's classifier names the class of each of ``rows``: (len(rows),) by layer."""
    found: dict[str, NDArray[np.bool_]] = {}
    for layer, probe in probes.items():
        device = probe.linear.weight.device
        answers = [probe(store.read(layer, batch).to(device)).argmax(dim=1).cpu() for batch in _batches(rows)]
        found[layer] = (torch.cat(answers) == labels[rows]).numpy()
    return found


def _step(
    probes: Mapping[str, LinearProbe], optimiser: torch.optim.Optimizer, store: FeatureStore, target: Tensor, rows: Rows
) -> None:
    optimiser.zero_grad()
    for layer, probe in probes.items():  # losses have no parameter in common
        F.cross_entropy(probe(store.read(layer, rows).to(target.device)), target).backward()
    optimiser.step()


def _batches(rows: Rows) -> Iterator[Rows]:
    """Parts of about ``BATCH``, none of a single picture unless there is only one: its norm has no statistics."""
    yield from np.array_split(rows, max(1, round(len(rows) / BATCH)))
