"""Small pictures for tests: built-in scenes as a batch, with exact registration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from nirgan.color import lightness
from nirgan.data.sample import Pairing, Sample, collate
from nirgan.data.synth import render


def synthetic_batch(
    count: int, size: int, *, task: str = "nir2rgb", channels: int = 1, seed: int = 0
) -> dict[str, Any]:
    """``count`` built-in scenes of ``size`` pixels as a batch of view ``image``.

    ``source`` is (count, channels, size, size), the NIR picture repeated over the channels or L*/100; ``target`` is
    (count, 3, size, size); both float32 in [0, 1].
    """
    samples = []
    for index in range(count):
        scene = render(seed, index, height=size, width=size)
        target = torch.from_numpy(np.ascontiguousarray(scene.rgb.transpose(2, 0, 1))).float()
        nir = torch.from_numpy(np.ascontiguousarray(scene.nir)).float()[None]
        source = lightness(target) if task == "gray2rgb" else nir
        name = f"synthetic/{index:04d}"
        samples.append(
            Sample(
                source.expand(channels, -1, -1).clone(), target, Pairing.REGISTERED, name, Path(name), full_scale=1.0
            )
        )
    return collate(samples, "image")
