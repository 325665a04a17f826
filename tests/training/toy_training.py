"""A small recipe with everything that a resume could lose (batch norm, dropout, a pool, two phases), and small data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.config import RunConfig, resolve_config
from nirgan.data.files import write_picture
from nirgan.layers.pool import ImagePool
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Schedule, Stage, Term, Views
from nirgan.registry import MODELS
from nirgan.training.runtime import Runtime

LINEAR = Optimiser(lr=1e-2, schedule=Schedule("linear"))


@MODELS.register("toy-gan")
class ToyGan(Recipe):
    """Least-squares GAN of three convolutions each, with L1; `noise` off leaves nothing random."""

    paper = "none"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"crop": 16, "batch_size": 2, "steps": 10, "logging": {"every_steps": 3}}
    }

    def __init__(
        self, *, task: str = "nir2rgb", source_channels: int = 1, crop: int = 16, noise: bool = True, broken: str = ""
    ) -> None:
        super().__init__()
        # No biases before the norms: their gradient is rounding noise, which Adam makes steps of full size.
        generator = nn.Sequential(
            nn.Conv2d(source_channels, 6, 3, 1, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
            nn.Dropout(0.3 if noise else 0.0), nn.Conv2d(6, 3, 3, 1, 1), nn.Sigmoid(),
        )  # fmt: skip
        discriminator = nn.Sequential(
            nn.Conv2d(3, 6, 4, 2, 1, bias=False), nn.BatchNorm2d(6), nn.LeakyReLU(0.2), nn.Conv2d(6, 1, 3, 1, 1)
        )
        self.networks = nn.ModuleDict({"generator": generator, "discriminator": discriminator})
        self.pool = ImagePool(5 if noise else 0)
        self.broken = broken
        self.stages = (Stage("all", (Phase("d", ("discriminator",), optimiser=LINEAR), Phase("g", ("generator",)))),)

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        output = self.networks["generator"](batch["source"])
        return {"output": output, "target": batch["target"]}

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        judge = self.networks["discriminator"]
        if phase == "g":
            return {"logits_fake": judge(views["output"])}
        return {
            "logits_real": judge(views["target"]),
            "logits_fake": judge(self.pool.draw(views["output"], at.generator)),
        }

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        if phase == "d":
            return [Term("gan", 1.0, lambda v: ((v["logits_real"] - 1) ** 2).mean() + (v["logits_fake"] ** 2).mean())]
        l1 = Term("l1", 10.0, lambda v: F.l1_loss(v["output"], v["target"]))
        if self.broken == "loss" and at.step == 4:
            l1 = Term("l1", 10.0, lambda v: F.l1_loss(v["output"], v["target"]) * torch.inf)
        return [Term("gan", 1.0, lambda v: ((v["logits_fake"] - 1) ** 2).mean()), l1]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        return self.networks["generator"](source)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw


def write_pairs(folder: Path, count: int = 12, side: int = 24, seed: int = 0) -> Path:
    """`nir/` and `rgb/` with equal names."""
    random = np.random.default_rng(seed)
    for name, channels in (("nir", 1), ("rgb", 3)):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            pixels = random.integers(0, 256, (side, side, channels), dtype=np.uint8)
            write_picture(folder / name / f"{index:02d}.png", np.repeat(pixels, 3, axis=2) if channels == 1 else pixels)
    return folder


def toy_config(data: Path, **settings: Any) -> RunConfig:
    """Ten steps of the toy, a checkpoint each five."""
    given = {"model": "toy-gan", "data": [str(data)], "device": "cpu", "checkpoint": {"every_steps": 5}}
    given |= {"validation": {"every_steps": 5, "images": 2}, "logging": {"every_steps": 3, "samples": 1}}
    return resolve_config({**given, **settings})


@dataclass(frozen=True)
class FixedPlan:
    """Epochs of a fixed number of steps."""

    batch_size: int
    steps_per_epoch: int

    def place(self, step: int) -> tuple[int, int]:
        return divmod(step, self.steps_per_epoch)


class InMemory:
    """Batches that the step's number alone determines, without files."""

    def __init__(self, *, accumulate: int = 1, steps_per_epoch: int = 4) -> None:
        self.accumulate, self.steps_per_epoch = accumulate, steps_per_epoch
        self.views: list[str] = []

    def plan(self, batch_size: int) -> FixedPlan:
        return FixedPlan(batch_size, self.steps_per_epoch)

    def serve(self, plan: FixedPlan, start: int, stop: int, view: Callable[[int], str]) -> Iterable[dict[str, Any]]:
        for step in range(start, stop):
            self.views.append(view(step))
            for micro in range(self.accumulate):
                yield make_batch(step * self.accumulate + micro, plan.batch_size)


def make_batch(seed: int, size: int = 2) -> dict[str, Any]:
    """A random batch."""
    random = torch.Generator().manual_seed(seed)
    return {
        "source": torch.rand(size, 1, 16, 16, generator=random),
        "target": torch.rand(size, 3, 16, 16, generator=random),
        "keys": [f"set/{seed}-{index}" for index in range(size)],
        "view": "image",
    }


def make_at(step: int = 0) -> At:
    """A place in training."""
    return At(step, 0, step, 0.0, "all", torch.Generator().manual_seed(step))


def one_process(**settings: Any) -> Runtime:
    """A runtime on the CPU, launched."""
    runtime = Runtime(device="cpu", **settings)
    runtime.launch()
    return runtime
