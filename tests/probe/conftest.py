"""A folder of two classes that brightness tells apart, and weights of an untrained network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from nirgan.models import create_model
from nirgan.models.weights import describe, save_weights

TINY = {"width": 4, "levels": 5}


def write_class(folder: Path, level: int, count: int, *, seed: int) -> None:
    """Noisy pictures around a level, of different sizes."""
    draw = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for number in range(count):
        size = (40 + number % 3, 48, 3)
        picture = level + draw.integers(-20, 20, size)
        assert cv2.imwrite(str(folder / f"{number:03d}.png"), picture.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="session")
def class_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``dark/`` and ``light/``, twenty pictures each, split by nobody."""
    folder = tmp_path_factory.mktemp("classes") / "toys"
    write_class(folder / "dark", 50, 20, seed=0)
    write_class(folder / "light", 190, 20, seed=1)
    return folder


@pytest.fixture(scope="session")
def make_probe_weights() -> Callable[..., Path]:
    """Write weights of pix2pix as seed 1 draws them, with a lookup into what they see."""

    def make(path: Path, *, task: str = "gray2rgb") -> Path:
        torch.manual_seed(1)
        recipe = create_model("pix2pix", task=task, crop=32, **TINY)  # type: ignore[arg-type]
        state = recipe.state_dict()
        save_weights(path, {name: state[name] for name in recipe.weight_names()}, describe("pix2pix", recipe, step=7))
        return path

    return make


@pytest.fixture(scope="session")
def probe_weights(make_probe_weights: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_probe_weights(tmp_path_factory.mktemp("weights") / "toy.safetensors")
