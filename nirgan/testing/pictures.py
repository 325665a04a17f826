"""Small pictures for tests: built-in scenes as samples, with exact registration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nirgan.color import lightness
from nirgan.data.sample import LABEL, Pairing, Sample, collate
from nirgan.data.synth import render


def synthetic_samples(
    count: int,
    size: int,
    *,
    task: str = "nir2rgb",
    channels: int = 1,
    seed: int = 0,
    extras: Mapping[str, Any] | None = None,
) -> list[Sample]:
    """Built-in scenes of ``size`` pixels.

    ``source`` is (channels, size, size), the NIR picture repeated over the channels or L*/100; ``target`` is
    (3, size, size); both float32 in [0, 1]. Every sample carries its category as ``label``,
    and ``extras``.
    """
    samples = []
    for index in range(count):
        scene = render(seed, index, height=size, width=size)
        target = torch.from_numpy(np.ascontiguousarray(scene.rgb.transpose(2, 0, 1))).float()
        nir = torch.from_numpy(np.ascontiguousarray(scene.nir)).float()[None]
        source = (lightness(target) if task == "gray2rgb" else nir).expand(channels, -1, -1).clone()
        key = f"synthetic/{index:04d}"
        more = {LABEL: scene.category, **(extras or {})}
        samples.append(
            Sample(source, target, Pairing.REGISTERED, key, Path(key), 1.0, category=scene.category, extras=more)
        )
    return samples


def synthetic_batch(count: int, size: int, **options: Any) -> dict[str, Any]:
    """``synthetic_samples`` as a batch of view ``image``."""
    return collate(synthetic_samples(count, size, **options), "image")
