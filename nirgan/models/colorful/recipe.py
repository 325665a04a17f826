"""Colorful Image Colorization (Zhang, Isola, Efros; ECCV 2016): network, losses, decoding."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from nirgan.color.ab_bins import BINS, annealed_mean, bin_shares, class_weights, soft_encode
from nirgan.color.lab import AB_SCALE
from nirgan.data.sample import Sample
from nirgan.errors import NirganError
from nirgan.generators.features import build_features, output_stride
from nirgan.layers.ab_head import AbHead, HeadKind
from nirgan.layers.init import init_kaiming
from nirgan.layers.reach import radius, round_up
from nirgan.losses.l2 import l2
from nirgan.losses.soft_cross_entropy import soft_cross_entropy
from nirgan.models.keeps_lightness import KeepsLightness, true_ab
from nirgan.models.options import Size
from nirgan.models.recipe import At, Condition, Optimiser, Phase, Schedule, Stage, Task, Term, Views
from nirgan.registry import MODELS

PAPER = "arXiv 1603.08511"
CELL = 4
"""Pixels, in each direction, whose colour is predicted together."""
TEMPERATURE = 0.38
GREY = 5
"""A picture with no a and no b beyond this teaches nothing about colour."""
PRIOR_SIDE = 64
"""About the square root of how many points of each picture the prior is made from."""

Variant = Literal["full", "class", "l2", "l2-ft"]
Share = Annotated[float, Field(gt=0, le=1)]
Neighbours = Annotated[int, Field(ge=1, le=20)]


@MODELS.register("colorful", paper=PAPER)
class ColorfulColorization(KeepsLightness):
    """A network sorts each place into 313 bins of colour; the mean of its sharpened distribution is the colour.

    Args:
        task: ``gray2rgb``.
        source_channels: One.
        crop: Side of the training crop; a multiple of the generator's stride, at least twice that.
        variant: ``full`` weighs rare colours up; ``class`` weighs all alike; ``l2`` regresses a and b; ``l2-ft`` does
            so from weights of ``full``.
        generator: Any of the registry that takes ``activation``: colorful, unet, resnet, colornet, …
        width: Channels of the generator's first layer.
        generator_options: More arguments of its constructor.
        features: Channels that it gives the head; at its own resolution, so few where that is the picture's.
        head: ``ab-bins`` or ``ab``; None takes what the variant has: bins, or a and b for ``l2``. With
            ``variant=l2 head=ab-bins`` the squared error is that of the bins' annealed mean (not the paper's).
        mix: Of ``full``: share of the uniform distribution in the prior, whose inverse the weights are. ``class`` is 1.
        neighbours: Bins among which a target's colour is shared out; 5 in the paper, 10 in the released layer.
        working_size: Short side at which colours are predicted; None takes pictures as they are.
    """

    paper = PAPER
    conditions: tuple[Condition, ...] = (
        Condition(
            "temperature",
            float,
            TEMPERATURE,
            "1 gives mean colours, which are dull; towards 0 the likeliest ones, which are patchy.",
            above=0.0,
        ),
    )
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"batch_size": 40, "crop": 176, "steps": 450_000, "ema": {"decay": 0.0}},
        "small": {
            "batch_size": 8,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "optimiser": {"lr": 1e-3, "schedule": "cosine"},
            "options": {"width": 16, "features": 64},
        },
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 2e-3},
            "options": {"width": 4, "features": 16, "working_size": 64},
        },
    }
    translates_with = ("generator", "head")
    may_begin_anew = ("head",)

    prior: Tensor

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        variant: Variant = "full",
        generator: str = "colorful",
        width: Size = 64,
        generator_options: dict[str, Any] | None = None,
        features: Size = 256,
        head: HeadKind | None = None,
        mix: Share = 0.5,
        neighbours: Neighbours = 5,
        working_size: Size | None = 256,
    ) -> None:
        super().__init__()
        self._classifies = variant in ("full", "class")
        self._kind = _head_of(variant, head)
        if not self._classifies:
            self.lambda_adversarial = 1e-3  # a squared error is a hundredth after a few steps, and 0.1 all that counts
        self._mix = mix if variant == "full" else 1.0
        self._neighbours = neighbours
        network = build_features(generator, source_channels, features, width=width, options=generator_options or {})
        self._cell = math.lcm(CELL, output_stride(network))
        top = AbHead(features, self._kind, pool=self._cell // output_stride(network))
        self.networks = nn.ModuleDict({"generator": network, "head": top})
        # The paper's k-means start, which looks at data, needs a tool of its own.
        init_kaiming(self.networks)
        self.register_buffer("prior", torch.full((BINS,), 1 / BINS))
        self.stages = (Stage("train", (Phase("generator", ("generator", "head"), optimiser=_optimiser()),)),)
        self.stride = math.lcm(int(getattr(network, "stride", 1)), self._cell)
        self.smallest = int(getattr(network, "smallest", 1))
        enlarge = nn.Upsample(scale_factor=self._cell, mode="bilinear")
        self.halo = round_up(radius(nn.Sequential(network, top, enlarge), self.stride), self.stride)
        self.whole_picture = any(_sees_all(module) for module in network.modules())
        self.working_size = working_size
        self.ranks_bins = self._kind == "ab-bins"
        if not self.ranks_bins:
            self.conditions = ()  # there is nothing to sharpen
        if variant == "l2-ft":
            self.needs_weights = {"variant": "full"}
        if crop % self.stride or crop < 2 * self.stride:
            raise NirganError(
                f"colorful cannot train the generator '{generator}' at crop {crop}: give a multiple of {self.stride}, "
                f"at least {2 * self.stride}"
            )

    def prepare(self, samples: Iterable[Sample]) -> None:
        """Count how often each bin occurs, smoothed as targets are; every picture counts alike, grey ones not at all.

        Raises:
            NirganError: if all pictures are grey.
        """
        if self._mix == 1:
            return  # all classes weigh alike, whatever the prior
        total, count = torch.zeros(BINS, dtype=torch.float64), 0
        for sample in samples:
            assert sample.target is not None  # it is what the source was made from
            step = max(1, round(math.sqrt(sample.target[0].numel()) / PRIOR_SIDE))
            ab = true_ab({"target": sample.target[None, :, ::step, ::step]})
            if _coloured(ab).any():
                total, count = total + bin_shares(*soft_encode(ab, self._neighbours)), count + 1
        if not count:
            raise NirganError("colorful: all training pictures are grey, so there is no colour to learn")
        self.prior.copy_(total / count)

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Predict the colour of each cell; the truth is that of a middle pixel.

        The released net takes the first one, and so draws colours 1.5 pixels too far to the right and down.
        """
        middle = slice(self._cell // 2, None, self._cell)
        source, target = (batch[name][..., middle, middle] for name in ("source", "target"))
        target_ab = true_ab({"target": target})
        drawn = self._drawn(batch["source"])
        views: Views = {"lightness": source.float(), "target_ab": target_ab, "ab": self._decoded(drawn, TEMPERATURE)}
        if self._classifies:
            bins, shares = soft_encode(target_ab, self._neighbours)
            weights = class_weights(self.prior, self._mix)[bins[:, 0]]
            views |= {"logits": drawn, "bins": bins, "shares": shares, "weights": weights}
            views["counted"] = _coloured(target_ab)
        return views

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """-Σ_q v Z_q log Ẑ_q, mean over the cells of pictures with colour; or ½ ‖Y - Ŷ‖², mean over cells."""
        if self._classifies:
            return [Term("class", 1.0, _classification)]
        # The mean over cells and the two channels is the mean over cells of half the sum over channels.
        return [Term("l2", 1.0, lambda v: l2(v["ab"] / AB_SCALE, v["target_ab"] / AB_SCALE))]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Lab's a and b (B,2,H,W), enlarged bilinearly from the middles of cells."""
        ab = self._decoded(self._drawn(source), conditions.get("temperature", TEMPERATURE))
        return F.interpolate(ab, scale_factor=self._cell, mode="bilinear", align_corners=False)

    def bin_logits(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Score the 313 bins of each cell (B,313,H/4,W/4)."""
        return self._drawn(source) if self.ranks_bins else super().bin_logits(source, conditions)

    def _drawn(self, source: Tensor) -> Tensor:
        # (L - 50)/100, as in the PyTorch release; the Caffe files take L - 50.
        return self.networks["head"](self.networks["generator"](source - 0.5))

    def _decoded(self, drawn: Tensor, temperature: float) -> Tensor:
        return annealed_mean(drawn, temperature) if self._kind == "ab-bins" else AB_SCALE * drawn.float()


def _classification(views: Mapping[str, Any]) -> Tensor:
    return soft_cross_entropy(
        views["logits"], views["bins"], views["shares"], weights=views["weights"], mask=views["counted"]
    )


def _coloured(ab: Tensor) -> Tensor:
    """Which pictures (B,1,1) have colour at all."""
    return (ab.abs() > GREY).flatten(1).any(dim=1)[:, None, None]


def _head_of(variant: Variant, wanted: HeadKind | None) -> HeadKind:
    if variant in ("l2", "l2-ft"):
        return wanted or "ab"
    if wanted == "ab":
        raise NirganError(
            f"colorful: variant={variant} classifies, and head=ab has no classes: take --set options.variant=l2, or "
            "head=ab-bins"
        )
    return "ab-bins"


def _sees_all(module: nn.Module) -> bool:
    """Whether a layer's answer at a point depends on all of the picture."""
    return isinstance(module, _InstanceNorm) or (isinstance(module, nn.Upsample) and bool(module.align_corners))


def _optimiser() -> Optimiser:
    # 3e-5, 1e-5, 3e-6; the steps come at thirds, for the paper's own "when it stalls" asks for a person to look.
    schedule = Schedule("steps", factor=0.1**0.5, parts=3)
    return Optimiser(lr=3e-5, betas=(0.9, 0.99), weight_decay=1e-3, schedule=schedule)
