"""A recipe that tints, a folder of pairs, and a run that was trained on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nirgan.config import RunConfig, dump
from nirgan.data.open import open_data
from nirgan.models.recipe import At, Recipe, Views
from nirgan.models.weights import WeightsInfo, save_weights
from nirgan.registry import MODELS, Entry

TINT = (0.9, 0.6, 0.3)
LOOKUP = [[level / 255, level / 255, 0.5] for level in range(256)]


class Tint(Recipe):
    """The source times one colour: prepared, not trained."""

    tasks = ("nir2rgb", "gray2rgb")
    presets: Mapping[str, Mapping[str, Any]] = {"paper": {}}
    translates_with = ()

    def __init__(self, task: str = "nir2rgb", source_channels: int = 1, crop: int = 64) -> None:
        super().__init__()
        self.networks = nn.ModuleDict()
        self.register_buffer("colour", torch.tensor(TINT))

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        return {}

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        return source

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw.mean(dim=1, keepdim=True) * self.get_buffer("colour").view(3, 1, 1)


def write_pairs(folder: Path, names: list[str], *, seed: int = 0, height: int = 20, width: int = 26) -> None:
    """Pairs whose colour is the tinted source plus a little noise: known scores."""
    draw = np.random.default_rng(seed)
    for name in names:
        nir = draw.integers(20, 230, (height, width), dtype=np.uint8)
        rgb = nir[..., None] * np.array(TINT) + draw.normal(0, 6, (height, width, 3))
        for side, pixels in (("nir", nir), ("rgb", rgb.clip(0, 255).astype(np.uint8)[..., ::-1])):
            path = folder / side / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), pixels)


@pytest.fixture(name="write_pairs")
def _write_pairs() -> Callable[..., None]:
    return write_pairs


@pytest.fixture(autouse=True)
def tint(monkeypatch: pytest.MonkeyPatch) -> type[Recipe]:
    MODELS.names()
    monkeypatch.setitem(MODELS._entries, "test-tint", Entry("test-tint", Tint))
    return Tint


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Eight pairs with a split: four train, one val, three test, in two categories."""
    folder = tmp_path / "pairs"
    write_pairs(folder, [f"{n:04d}" for n in range(8)])
    rows = [
        f"pairs,{n:04d},{'field' if n % 2 else 'urban'},scene{n},{'train' if n < 4 else 'val' if n == 4 else 'test'}"
        for n in range(8)
    ]
    (folder / "split.csv").write_text("\n".join(["set,name,category,scene,split", *rows]) + "\n")
    return folder


@pytest.fixture
def make_weights() -> Callable[..., Path]:
    def make(path: Path, colour: tuple[float, float, float] = TINT, **info: Any) -> Path:
        given = {"model": "test-tint", "task": "nir2rgb", "crop": 64, "lookup": LOOKUP, "step": 5} | info
        save_weights(path, {"colour": torch.tensor(colour)}, WeightsInfo(**given))
        return path

    return make


@pytest.fixture
def make_run(pairs: Path, make_weights: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    def make(
        name: str = "first", *, data: list[str] | None = None, pairing: Any = None, seed: int = 0, **info: Any
    ) -> Path:
        specs = [str(pairs)] if data is None else data
        run = tmp_path / "runs" / name
        make_weights(run / "checkpoints" / "best" / "weights.safetensors", **info)
        config = RunConfig(model="test-tint", task="nir2rgb", data=specs, pairing=pairing, seed=seed)
        (run / "config.yaml").write_text(dump(config))
        open_data(specs, task="nir2rgb", pairing=pairing, seed=seed).write_split(run / "split.csv")
        return run

    return make


@pytest.fixture
def run(make_run: Callable[..., Path]) -> Path:
    return make_run()
