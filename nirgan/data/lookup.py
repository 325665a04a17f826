"""The baseline that every model must beat: the training set's mean colour for each source level."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nirgan.data.index import Data
from nirgan.data.sample import Pairing
from nirgan.errors import NirganError

logger = logging.getLogger(__name__)

LEVELS = 256


def lookup_table(data: Data, split: str = "train", limit: int = 1000) -> list[list[float]] | None:
    """Mean target colour (R, G, B in [0, 1]) for each of 256 source levels, over the registered pairs of a split.

    Levels that never occur are interpolated between their neighbours. Of more than ``limit`` pairs, that many are
    taken, evenly spread; pairs that cannot be read are left out. None where there is no registered pair.
    """
    pairs = [record for record in data.pairs(split) if record.pairing == Pairing.REGISTERED]
    counts, sums = np.zeros(LEVELS), np.zeros((3, LEVELS))
    for position in np.linspace(0, len(pairs) - 1, min(limit, len(pairs))).round().astype(int):
        try:
            sample = data.sample(pairs[position])
        except NirganError as error:
            logger.warning("left out of the lookup table: %s", error)
            continue
        assert sample.target is not None
        level = _levels(sample.source).numpy().ravel()
        counts += np.bincount(level, minlength=LEVELS)
        for channel, values in enumerate(sample.target.numpy()):
            sums[channel] += np.bincount(level, weights=values.ravel(), minlength=LEVELS)
    seen = np.flatnonzero(counts)
    if not len(seen):
        return None
    means = [np.interp(np.arange(LEVELS), seen, sums[channel, seen] / counts[seen]) for channel in range(3)]
    return np.stack(means, axis=1).tolist()


def apply_lookup(table: Sequence[Sequence[float]], source: Tensor) -> Tensor:
    """Colour a source (C, H, W) in [0, 1] by the table: (3, H, W), same dtype and device."""
    colours = torch.tensor(table, dtype=source.dtype, device=source.device)
    return colours[_levels(source)].permute(2, 0, 1).contiguous()


def _levels(source: Tensor) -> Tensor:
    """Level 0…255 of each point, (H, W); several channels are averaged."""
    return (source.float().mean(dim=0) * (LEVELS - 1)).round().long().clamp(0, LEVELS - 1)
