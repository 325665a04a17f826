"""Features of all pictures, of all blocks of several networks, computed once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from nirgan.data.index import Record
from nirgan.data.square import central_source
from nirgan.errors import NirganError
from nirgan.inference.device import memory_format
from nirgan.models.recipe import Recipe
from nirgan.probe.blocks import Blocks, watched
from nirgan.probe.classes import ClassData
from nirgan.probe.linear import Rows
from nirgan.probe.store import FeatureStore

logger = logging.getLogger(__name__)

_AT_ONCE = 8
"""Pictures that a network sees together."""


@dataclass(frozen=True)
class Network:
    """A recipe in eval mode on its device, and what of it is watched."""

    recipe: Recipe
    blocks: Blocks


@dataclass(frozen=True)
class Features:
    """What the networks made of all pictures that could be read, a row for each.

    Attributes:
        stores: By network.
        labels: Class of each row (rows,) int64.
        train: Rows to train on.
        test: Rows to score.
        failed: Pictures that could not be read, each ``file: why``.
    """

    stores: dict[str, FeatureStore]
    labels: Tensor
    train: Rows
    test: Rows
    failed: list[str]


def compute_features(
    networks: Mapping[str, Network],
    classes: ClassData,
    folder: Path,
    *,
    side: int,
    device: torch.device,
    on_pictures: Callable[[int], None] = lambda count: None,
) -> Features:
    """Show every picture to every network, and keep what its blocks give in files below ``folder``.

    Args:
        networks: By name.
        classes: The pictures.
        folder: For the features.
        side: Of the squares that the networks see, in pixels.
        device: Where the networks are.
        on_pictures: Told how many pictures went by.

    Raises:
        NirganError: if no picture to train on or none to score can be read, no block has features, or the disk is full.
    """
    stores: dict[str, FeatureStore] = {}
    there: list[Record] = []
    failed: list[str] = []
    for records, sources in _batches(classes, side, failed, on_pictures):
        for name, network in networks.items():
            seen = _run(network, sources.to(device, memory_format=memory_format(device)))
            if name not in stores:
                (folder / name).mkdir()
                stores[name] = FeatureStore(folder / name, len(classes.records), seen)
            for layer in stores[name].sizes:
                stores[name].write(layer, len(there), seen[layer])
        there += records
    trained_on = {record.key for record in classes.train}
    of_train = np.array([record.key in trained_on for record in there], dtype=np.bool_)
    if not of_train.any() or of_train.all():
        raise NirganError(f"too few pictures can be read to train on some and score others, first: {failed[0]}")
    labels = torch.tensor([classes.label(record) for record in there])
    return Features(stores, labels, np.flatnonzero(of_train), np.flatnonzero(~of_train), failed)


@torch.no_grad()
def _run(network: Network, sources: Tensor) -> dict[str, Tensor]:
    with watched(network.blocks) as seen:
        network.recipe.predict(sources, {})
    if not seen:
        raise NirganError(f"none of {', '.join(network.blocks)} gives maps when the network runs: name other --layers")
    return {layer: seen[layer] for layer in network.blocks if layer in seen}  # in their order, not in that of running


def _batches(
    classes: ClassData, side: int, failed: list[str], on_pictures: Callable[[int], None]
) -> Iterator[tuple[list[Record], Tensor]]:
    """Records and their sources (B,C,side,side); what cannot be read is left out, and added to ``failed``."""
    records = classes.records
    for start in range(0, len(records), _AT_ONCE):
        part = records[start : start + _AT_ONCE]
        read: list[tuple[Record, Tensor]] = []
        for record in part:
            try:
                read.append((record, central_source(classes.data.sample(record), side)))
            except NirganError as error:
                logger.debug("%s: left out", record.key, exc_info=True)
                failed.append(str(error))
        if read:
            yield [record for record, _ in read], torch.stack([source for _, source in read])
        on_pictures(len(part))
