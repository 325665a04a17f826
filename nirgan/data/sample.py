"""What the data layer hands to everything else: one typed sample, and how samples become a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

Task = Literal["nir2rgb", "gray2rgb"]
"""From near-infrared to RGB, or from lightness to colour."""

LABEL = "label"
"""Extra field of every sample: its category as a class to learn, empty where the data name none."""


class Pairing(StrEnum):
    """How a sample's source and target belong together."""

    REGISTERED = "registered"
    """Pixel (x, y) is the same point in both."""
    UNREGISTERED = "unregistered"
    """The same scene, with an unknown warp between the two."""
    UNPAIRED = "unpaired"
    """No partner."""


@dataclass(frozen=True)
class Sample:
    """A source picture and, in training and scoring, its target.

    Attributes:
        source: (C, H, W) float32 in [0, 1]: the sensor's scale for NIR, L*/100 for grey lightness.
        target: (3, H, W) float32 in [0, 1], sRGB; None in translation.
        pairing: How the two belong together.
        key: ``set/name``, unique in the data.
        path: The source's file.
        full_scale: Stored value that became 1.0.
        category: As the data names it, empty if it does not.
        extras: Fields that some recipes need, by name: ``label`` (see ``LABEL``), ``caption``, ``boxes``, ``previous``.
    """

    source: Tensor
    target: Tensor | None
    pairing: Pairing
    key: str
    path: Path
    full_scale: float
    category: str = ""
    extras: dict[str, Any] = field(default_factory=dict)


class SampleKey(NamedTuple):
    """Which sample a training step asks for; with the run's seed it fixes every random choice made for it.

    Attributes:
        view: ``image`` (source and target of one record, cut alike), ``unpaired`` (of two records, cut apart), …
        epoch: Pass over the set.
        source: Record that gives the source.
        target: Record that gives the target.
    """

    view: str
    epoch: int
    source: int
    target: int


def collate(samples: Sequence[Sample], view: str) -> dict[str, Any]:
    """Stack samples of one size to a batch: ``source``, ``target``, ``keys``, ``view`` and each extra field.

    Extra fields that are tensors of one shape are stacked; others become lists.
    """
    batch: dict[str, Any] = {
        "source": torch.stack([sample.source for sample in samples]),
        "keys": [sample.key for sample in samples],
        "view": view,
    }
    targets = [sample.target for sample in samples if sample.target is not None]
    if len(targets) == len(samples):
        batch["target"] = torch.stack(targets)
    for name in samples[0].extras:
        values = [sample.extras[name] for sample in samples]
        alike = all(isinstance(value, Tensor) and value.shape == values[0].shape for value in values)
        batch[name] = torch.stack(values) if alike else values
    return batch
