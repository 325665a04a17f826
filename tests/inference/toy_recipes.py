"""Small recipes with known answers; the conftest registers them while a test of this folder runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.models import create_model
from nirgan.models.recipe import At, Condition, Recipe, Views
from nirgan.models.weights import WeightsInfo, save_weights


class Toy(Recipe):
    """Base: predict runs the generator on (B,C,H,W), compose shows its answer as RGB."""

    tasks = ("nir2rgb", "gray2rgb")

    def __init__(self, *, task: str = "nir2rgb", source_channels: int = 1, crop: int = 64) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.networks = nn.ModuleDict({"generator": self.build(source_channels)})

    def build(self, channels: int) -> nn.Module:
        raise NotImplementedError

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        return {}

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        assert source.shape[-2] % self.stride == 0
        assert source.shape[-1] % self.stride == 0
        return self.networks["generator"](source)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        assert raw.shape[-2:] == source.shape[-2:]
        return torch.sigmoid(raw)


class BatchToy(Toy):
    """Down by 4 and up again with batch norm. Receptive field: 2 pixels by the first layer, 2·2 by the second, 4·1 by
    the third at stride 4, then up: within 16."""

    stride = 4
    halo = 16

    def build(self, channels: int) -> nn.Module:
        net = nn.Sequential(
            nn.Conv2d(channels, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(8, 3, 3, 1, 1),
        )  # fmt: skip
        for norm in net:
            if isinstance(norm, nn.BatchNorm2d):
                norm.running_mean.uniform_(-0.3, 0.3)
                norm.running_var.uniform_(0.02, 0.1)
        return net


class InstanceToy(Toy):
    """The same with instance and group norms, which look at the whole picture."""

    stride = 4
    halo = 16
    whole_picture = True

    def build(self, channels: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(channels, 8, 3, 2, 1), nn.InstanceNorm2d(8), nn.ReLU(),
            nn.Conv2d(8, 8, 3, 2, 1), nn.InstanceNorm2d(8, affine=True), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(8, 8, 3, 1, 1), nn.GroupNorm(4, 8), nn.ReLU(),
            nn.Upsample(scale_factor=2), nn.Conv2d(8, 3, 3, 1, 1),
        )  # fmt: skip

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        # A 1×1 map has no statistics: the network needs two strides.
        padded = F.pad(source, (0, self.stride * (source.shape[-1] == self.stride), 0, 0), mode="replicate")
        padded = F.pad(padded, (0, 0, 0, self.stride * (source.shape[-2] == self.stride)), mode="replicate")
        return super().predict(padded, conditions)[..., : source.shape[-2], : source.shape[-1]]


class CoarseToy(Toy):
    """Answers at a quarter of the resolution, as Lab models may: the mean of each 4×4 block of the source."""

    stride = 4
    halo = 4

    def build(self, channels: int) -> nn.Module:
        return nn.AvgPool2d(4)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw.expand(-1, 3, -1, -1)


class ConstantToy(Toy):
    """One colour whatever the source, from a network that claims a wide view."""

    stride = 8
    halo = 64

    def build(self, channels: int) -> nn.Module:
        return nn.Conv2d(channels, 3, 1)

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        return torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(1, 3, *source.shape[-2:])

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw


class CopyToy(Toy):
    """The source in three channels, brighter by a condition, plus noise by a seed."""

    conditions = (
        Condition("noise_seed", int, 0, "Which noise"),
        Condition("noise", float, 0.0, "How much noise"),
    )

    def build(self, channels: int) -> nn.Module:
        return nn.Conv2d(channels, 3, 1)

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        generator = torch.Generator().manual_seed(conditions["noise_seed"])
        return source[:, :1] + conditions["noise"] * torch.rand((1, 3, 1, 1), generator=generator)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw.expand(-1, 3, -1, -1).clamp(0, 1)


class PoolToy(Toy):
    """Adds the picture's mean: a global layer that tiles cannot share."""

    stride = 4
    whole_picture = True

    def build(self, channels: int) -> nn.Module:
        return nn.AdaptiveAvgPool2d(1)

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        return source + super().predict(source, conditions)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return raw.expand(-1, 3, -1, -1) / 2


TOYS: dict[str, type[Toy]] = {
    "toy-batch": BatchToy,
    "toy-instance": InstanceToy,
    "toy-coarse": CoarseToy,
    "toy-constant": ConstantToy,
    "toy-copy": CopyToy,
    "toy-pool": PoolToy,
}


def build(name: str, **given: Any) -> Recipe:
    """A toy in eval mode."""
    return create_model(name, **given).eval().requires_grad_(False)


def save_toy(path: Path, name: str, **info: Any) -> Path:
    """Write a toy's weights."""
    channels = info.get("source_channels", 1)
    recipe = build(name, source_channels=channels, task=info.get("task"))
    tensors = {key: recipe.state_dict()[key] for key in recipe.weight_names()}
    save_weights(path, tensors, WeightsInfo(model=name, **{"task": "nir2rgb", "crop": 64, **info}))
    return path
