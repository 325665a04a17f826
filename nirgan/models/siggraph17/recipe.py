"""Real-Time User-Guided Image Colorization (Zhang et al., SIGGRAPH 2017): main network with local hints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from nirgan.color.ab_bins import GRID_BINS, ab_bins, nearest_grid_bin
from nirgan.color.lab import AB_SCALE
from nirgan.errors import NirganError
from nirgan.generators.siggraph17 import Siggraph17
from nirgan.layers.init import init_normal
from nirgan.layers.reach import round_up
from nirgan.losses.smooth_l1 import smooth_l1
from nirgan.losses.soft_cross_entropy import soft_cross_entropy
from nirgan.models.hints import HINTS
from nirgan.models.keeps_lightness import KeepsLightness, true_ab
from nirgan.models.options import Size, Weight
from nirgan.models.recipe import At, Condition, Optimiser, Phase, Schedule, Stage, Task, Term, Views
from nirgan.models.siggraph17.simulated import simulate_hints
from nirgan.registry import MODELS

PAPER = "arXiv 1705.02999"
CELL = 4
"""Pixels, in each direction, whose class is predicted together."""
GREY = 5
"""A picture whose ranges of a and of b add up to less than this teaches nothing about colour."""
CLASSIFICATION = "classification"
"""Name of the stage in which classes train the trunk."""

Course = Literal["regression", "staged"]
Stop = Annotated[float, Field(ge=0.05, le=1)]
Share = Annotated[float, Field(ge=0, le=1)]


@MODELS.register("siggraph17", paper=PAPER)
class UserGuidedColorization(KeepsLightness):
    """Lightness and a few points of colour in, a and b out; without points it colours by itself.

    Args:
        task: ``gray2rgb``.
        source_channels: One.
        crop: Side of the training crop; a multiple of 8, at least 16.
        width: Channels of the network's first block.
        class_head: Also score 529 bins of a and b at each fourth pixel.
        schedule: ``staged``: first the classes train the trunk (needs ``class_head``), then a and b train it, at a
            tenth and at a hundredth of the rate. ``regression``: a and b from the start.
        hint_stop: Probability that a training picture gets no further hint: 0.125 gives 7 on average, 1 none.
        reveal: Share of training pictures whose colours are all told, so that hints are copied.
        beta: Differences of a and b below this are squared in the loss; 0 squares none.
        working_size: Short side at which colours are predicted; None takes pictures as they are.
    """

    paper = PAPER
    conditions: tuple[Condition, ...] = (HINTS,)
    quiet: ClassVar[Mapping[str, Any]] = {"hint_stop": 1.0, "reveal": 0.0}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # 15 epochs of classes, 10 and 5 of a and b; the epochs on ten categories before them are left out.
        "paper": {
            "batch_size": 25,
            "crop": 176,
            "epochs": 30.0,
            "ema": {"decay": 0.0},
            "options": {"class_head": True, "schedule": "staged"},
        },
        "small": {
            "batch_size": 8,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "optimiser": {"lr": 1e-3, "schedule": "cosine"},
            # A quarter of the pictures without hints, four on the others' average: automatic colour counts, too.
            "options": {"width": 16, "hint_stop": 0.25},
        },
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 2e-3},
            "options": {"width": 4, "working_size": 64},
        },
    }

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        width: Size = 64,
        class_head: bool = False,
        schedule: Course = "regression",
        hint_stop: Stop = 0.125,
        reveal: Share = 0.0,
        beta: Weight = 1.0,
        working_size: Size | None = 256,
    ) -> None:
        super().__init__()
        network = Siggraph17(source_channels + 3, 2, width=width, classes=GRID_BINS if class_head else 0)
        self.networks = nn.ModuleDict({"generator": network})
        init_normal(self.networks)
        self.stages = _stages(schedule)
        self.stride = network.stride
        self.halo = round_up(network.radius, self.stride)
        self.working_size = working_size
        self.ranks_bins = class_head
        self._hint_stop, self._reveal, self._beta = hint_stop, reveal, beta

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops that can be halved three times; and the staged schedule needs something that classifies."""
        if crop % Siggraph17.stride or crop < 2 * Siggraph17.stride:
            raise NirganError(f"siggraph17 cannot train at crop {crop}: give a multiple of 8, at least 16")
        if options.get("schedule") == "staged" and not options.get("class_head"):
            raise NirganError(
                "siggraph17: schedule=staged begins with classes: take class_head=true, or schedule=regression"
            )

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Draw hints from the truth and colour with them; without hints while classes train the trunk."""
        source, target_ab = batch["source"], true_ab(batch)
        classifying = at.stage == CLASSIFICATION
        hints = None
        if not classifying:
            hints = simulate_hints(target_ab, self._hint_stop, at.generator, reveal=self._reveal)
        colours, logits = self._answers(network_input(source, hints), classifying)
        views: Views = {
            "lightness": source.float(),
            "target_ab": target_ab,
            "ab": AB_SCALE * colours.float(),
            "counted": _coloured(target_ab),
        }
        if logits is not None:
            # The truth of a cell is a middle pixel's, for all of the cell is scored; the authors take the first one.
            middle = slice(CELL // 2, None, CELL)
            views |= {"logits": logits, "bins": nearest_grid_bin(target_ab[..., middle, middle])[:, None]}
        return views

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """10 · smooth L1 of a and b, plus the cross-entropy of the bins; means over pictures with colour.

        No parameter gets gradient from both.
        """
        terms = [Term("l1-smooth", 10.0, self._regression)]
        if self._network.model_class is not None:
            terms.append(Term("class", 1.0, _classification))
        return terms

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Lab's a and b (B,2,H,W)."""
        return AB_SCALE * self._network(network_input(source, conditions.get(HINTS.name))).float()

    def bin_logits(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Scores (B,313,H/4,W/4) of those of the 529 bins that sRGB's colours touch."""
        head = self._network.model_class
        if head is None:
            return super().bin_logits(source, conditions)
        logits = head(self._network.trunk(network_input(source, conditions.get(HINTS.name)))[2])
        return logits.index_select(1, nearest_grid_bin(ab_bins().T[None, :, :, None]).flatten().to(logits.device))

    @property
    def _network(self) -> Siggraph17:
        network = self.networks["generator"]
        assert isinstance(network, Siggraph17)
        return network

    def _answers(self, inputs: Tensor, classifying: bool) -> tuple[Tensor, Tensor | None]:
        """Colours, and logits of the bins; one of the two trains the trunk, the other stands on it as it is."""
        network = self._network
        if network.model_class is None:
            return network(inputs), None
        features = network.trunk(inputs)
        seen = tuple(feature.detach() for feature in features)
        colours = network.colours(*(seen if classifying else features))
        return colours, network.model_class(features[2] if classifying else seen[2])

    def _regression(self, views: Mapping[str, Any]) -> Tensor:
        output, target = views["ab"] / AB_SCALE, views["target_ab"] / AB_SCALE
        return smooth_l1(output, target, beta=self._beta / AB_SCALE, mask=views["counted"])


def network_input(lightness: Tensor, hints: Tensor | None) -> Tensor:
    """What the network takes (B,4,H,W): (L - 50)/100, the hints' ab/110, and where they are, less a half.

    Args:
        lightness: L/100 (B,1,H,W).
        hints: a, b and where they hold (B,3,H,W); None are none.
    """
    if hints is None:
        hints = torch.zeros_like(lightness[:, :1]).repeat(1, 3, 1, 1)
    return torch.cat([lightness - 0.5, hints[:, :2] / AB_SCALE, hints[:, 2:] - 0.5], dim=1)


def _classification(views: Mapping[str, Any]) -> Tensor:
    bins = views["bins"]
    return soft_cross_entropy(views["logits"], bins, torch.ones_like(bins), mask=views["counted"])


def _coloured(ab: Tensor) -> Tensor:
    """Which pictures (B,1,1) have colour at all."""
    ranges = ab.amax(dim=(-2, -1)) - ab.amin(dim=(-2, -1))
    return (ranges.sum(dim=1) >= GREY)[:, None, None]


def _stages(schedule: Course) -> tuple[Stage, ...]:
    if schedule == "regression":
        return (_stage("regression"),)
    return _stage(CLASSIFICATION, share=15), _stage("regression", 0.1, 10), _stage("regression-slow", 0.01, 5)


def _stage(name: str, rate: float = 1.0, share: float = 1.0) -> Stage:
    """A stage at that part of the rate."""
    optimiser = Optimiser(lr=1e-4, betas=(0.9, 0.999), schedule=Schedule(scale=rate))
    return Stage(name, (Phase("generator", ("generator",), optimiser=optimiser),), share=share)
