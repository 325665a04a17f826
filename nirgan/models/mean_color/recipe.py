"""Mean colour: a and b of the training pictures at each lightness, or one mean for all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nirgan.color.lab import rgb_to_lab
from nirgan.data.sample import Sample
from nirgan.models.options import Size
from nirgan.models.recipe import Task
from nirgan.models.untrained import Untrained
from nirgan.registry import MODELS

POINTS = 256
"""About the square root of how many points of each picture are counted."""


@MODELS.register("mean-color", paper="ours")
class MeanColor(Untrained):
    """The mean a and b of the training pictures' points of the same lightness; the best that a table can do.

    Args:
        task: ``gray2rgb``.
        source_channels: One.
        crop: Of no consequence.
        levels: Lightnesses from black to white that have means of their own, with straight lines between them; 1 gives
            one mean for all.
    """

    paper = "ours"

    colours: Tensor

    def __init__(self, *, task: Task, source_channels: int, crop: int, levels: Size = 256) -> None:
        super().__init__(task=task, source_channels=source_channels, crop=crop)
        self.register_buffer("colours", torch.zeros(2, levels))

    def prepare(self, samples: Iterable[Sample]) -> None:
        """Average a and b by level; every picture counts alike. Levels that never occur follow their neighbours."""
        levels = self.colours.shape[1]
        counts, sums = np.zeros(levels), np.zeros((2, levels))
        for sample in samples:
            assert sample.target is not None  # it is what the source was made from
            step = max(1, round(math.sqrt(sample.target[0].numel()) / POINTS))
            lab = rgb_to_lab(sample.target[None, :, ::step, ::step].float())[0].flatten(1)
            place = self._place(lab[0] / 100).round().long().numpy()
            counts += np.bincount(place, minlength=levels) / len(place)
            for channel in (0, 1):
                weights = lab[1 + channel].double().numpy()
                sums[channel] += np.bincount(place, weights=weights, minlength=levels) / len(place)
        seen = np.flatnonzero(counts)
        means = [np.interp(np.arange(levels), seen, row[seen] / counts[seen]) for row in sums]
        self.colours.copy_(torch.from_numpy(np.stack(means)))

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """The table's a and b (B,2,H,W) at each pixel's lightness."""
        place = self._place(source[:, 0])
        below = place.long()
        above = (below + 1).clamp(max=self.colours.shape[1] - 1)
        return torch.lerp(self.colours[:, below], self.colours[:, above], place - below).movedim(0, 1)

    def _place(self, lightness: Tensor) -> Tensor:
        """Where L*/100 lies among the levels, counted from 0."""
        return lightness.clamp(0, 1) * (self.colours.shape[1] - 1)
