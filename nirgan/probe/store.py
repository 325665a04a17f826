"""Features of many pictures on disk, in half precision: what memory would not hold."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nirgan.errors import NirganError

_HALF = np.dtype(np.float16)


class FeatureStore:
    """Rows of features of several layers; each layer is a file of its own, read and written in parts.

    Features are divided by the largest of the first pictures', which brings them into half precision's range, and which
    a norm takes out again.

    Args:
        folder: For the files.
        rows: Pictures.
        first: Features (B,C,cells) of some pictures by layer; their sizes are everybody's.

    Attributes:
        sizes: Channels and cells of each layer.

    Raises:
        NirganError: if the disk has no room for them.
    """

    def __init__(self, folder: Path, rows: int, first: Mapping[str, Tensor]) -> None:
        self.sizes = {layer: (features.shape[1], features.shape[2]) for layer, features in first.items()}
        self._scales = {layer: float(features.abs().amax()) or 1.0 for layer, features in first.items()}
        needed = rows * sum(channels * cells for channels, cells in self.sizes.values()) * _HALF.itemsize
        free = shutil.disk_usage(folder).free
        if needed > free:
            raise NirganError(
                f"{folder}: features of {rows} pictures need {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free: "
                "probe fewer --layers, or set TMPDIR to a larger disk"
            )
        self._files: dict[str, NDArray[Any]] = {
            layer: np.memmap(folder / f"{number}.f16", dtype=_HALF, mode="w+", shape=(rows, *size))
            for number, (layer, size) in enumerate(self.sizes.items())
        }

    def write(self, layer: str, start: int, features: Tensor) -> None:
        """Put features (B,C,cells) into rows from ``start`` on.

        Raises:
            NirganError: if they hold NaN or infinity.
        """
        scaled = features.float().cpu() / self._scales[layer]
        if not torch.isfinite(scaled).all():
            raise NirganError(f"{layer}: its features hold NaN or infinity; the weights are damaged")
        largest = float(np.finfo(_HALF).max)
        self._files[layer][start : start + len(scaled)] = scaled.clamp(-largest, largest).numpy()

    def read(self, layer: str, rows: NDArray[np.int64]) -> Tensor:
        """These rows (len(rows),C,cells) float32."""
        return torch.from_numpy(self._files[layer][rows].astype(np.float32))
