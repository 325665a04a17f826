"""Small pictures in folders, for tests of layouts and loading."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import cv2
import numpy as np
import pytest

WritePairs = Callable[..., Path]


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels[..., ::-1] if pixels.ndim == 3 else pixels)


@pytest.fixture
def write() -> Callable[[Path, np.ndarray], None]:
    """A function that writes RGB or grey pixels by OpenCV, independently of nirgan's own writer."""
    return _write


@pytest.fixture
def write_pairs() -> WritePairs:
    """A function that fills ``nir/`` and ``rgb/``; each pixel's value tells its picture and place."""

    def fill(folder: Path, names: Iterable[str], *, height: int = 24, width: int = 32) -> Path:
        for number, name in enumerate(names):
            rgb = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
            _write(folder / "nir" / f"{name}.png", rgb[..., 1])  # the source equals the target's green
            _write(folder / "rgb" / f"{name}.png", rgb)
        return folder

    return fill
