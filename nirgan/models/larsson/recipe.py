"""Learning Representations for Automatic Colorization (Larsson, Maire, Shakhnarovich; ECCV 2016)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.color.hue_chroma import hue_chroma
from nirgan.color.lab import lightness_to_gray, rgb_to_lab
from nirgan.data.sample import Sample
from nirgan.data.square import central_source
from nirgan.errors import NirganError
from nirgan.generators.hypercolumn import CELL, Hypercolumn
from nirgan.layers.reach import round_up
from nirgan.losses.histogram_kl import histogram_kl
from nirgan.models.keeps_lightness import KeepsLightness
from nirgan.models.larsson.histograms import BINS, HISTOGRAMS, Variant, shares
from nirgan.models.larsson.places import cell_places, colours_around, from_minus_one_to_one, random_places
from nirgan.models.larsson.start import FC, GRAY_MEAN, WIDTH, load_vgg, rescale
from nirgan.models.options import Count, Dropout, Size, Weight
from nirgan.models.recipe import At, Optimiser, Phase, Schedule, Stage, Task, Term, Views
from nirgan.registry import MODELS

PAPER = "arXiv 1603.06668"


@MODELS.register("larsson", paper=PAPER)
class Larsson(KeepsLightness):
    """Histograms of hue and chroma for each point, from all layers of a VGG-16 at once.

    Args:
        task: ``gray2rgb``.
        source_channels: One.
        crop: Side of the training crop; a multiple of 32 (of 16 without fc6 and fc7), more than twice the margin.
        variant: Histograms of hue and chroma, or of Lab's a and b.
        width: Channels of the network's first layer; 64 is VGG-16.
        fc: Channels of fc6 and fc7; 4096 is VGG-16, 0 leaves both out.
        hidden: Numbers between hypercolumn and histograms.
        norm: What keeps layers at one scale: ``rescale`` sets it once, before training (paper); ``batch`` norms (the
            authors' public training file); ``none``.
        dropout: Share of fc6, fc7 and the hidden numbers that training drops.
        pretrained: Start from VGG-16 as torchvision trained it on ImageNet.
        positions: Points of a crop that a step trains on; 0 trains on every cell of 4×4 pixels.
        margin: Pixels from a crop's border within which no point is drawn; cells are all trained on.
        window: Side of the square, in pixels, whose colours are a point's true histogram; odd. The public file has 7.
        lambda_hue: Of ``hue-chroma``: weight of the hue's term, besides each point's chroma.
        mid_tones: Of ``hue-chroma``: weigh the chroma's term by 3 min(L, ⅓, 1 - L), as the public file does.
        keep: What of the source the picture has: its lightness L*, or the mean of its channels (paper), where clipping
            leaves it.
        working_size: Short side at which colours are predicted; None takes pictures as they are.
    """

    paper = PAPER
    prepared_on = 32  # each has thousands of points, so few tell a layer's scale
    quiet: ClassVar[Mapping[str, Any]] = {"dropout": 0.0, "positions": 0}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # Short sides are to lie between 352 and 600, so squares of 0.59 to all of them are cut.
        "paper": {
            "batch_size": 8,
            "crop": 352,
            "steps": 2_000_000,
            "ema": {"decay": 0.0},
            "dataset": {"augment": {"scale": 0.41}},
        },
        "small": {
            "batch_size": 8,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "optimiser": {"name": "adam", "lr": 1e-3, "schedule": "cosine", "hold": 0.0},
            "options": {
                "width": 16,
                "fc": 256,
                "hidden": 256,
                "norm": "batch",
                "dropout": 0.2,
                "margin": 0,
                "pretrained": False,
            },
        },
        "tiny": {
            "batch_size": 2,
            "crop": 64,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"name": "adam", "lr": 5e-3},
            "options": {"width": 4, "fc": 32, "hidden": 32, "margin": 0, "pretrained": False, "working_size": 64},
        },
    }

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        variant: Variant = "hue-chroma",
        width: Size = WIDTH,
        fc: Count = FC,
        hidden: Size = 1024,
        norm: Literal["rescale", "batch", "none"] = "rescale",
        dropout: Dropout = 0.5,
        pretrained: bool = True,
        positions: Count = 128,
        margin: Count = 96,
        window: Size = 1,
        lambda_hue: Weight = 5.0,
        mid_tones: bool = False,
        keep: Literal["lightness", "channel-mean"] = "lightness",
        working_size: Size | None = 256,
    ) -> None:
        super().__init__()
        _check(variant, width, fc, pretrained, window, mid_tones)
        network = Hypercolumn(
            source_channels,
            2 * BINS,
            width=width,
            fc=fc,
            hidden=hidden,
            norm="batch" if norm == "batch" else "none",
            dropout=dropout,
        )
        self.networks = nn.ModuleDict({"generator": network})
        self.stages = (Stage("train", (Phase("generator", ("generator",), optimiser=_optimiser()),)),)
        self.stride = network.stride
        self.halo = round_up(network.radius, self.stride)
        self.working_size = working_size
        self._histograms = HISTOGRAMS[variant]
        self._weights = {"hue": lambda_hue}
        self._pretrained, self._rescales = pretrained, norm == "rescale"
        self._positions, self._margin, self._window = positions, margin, window
        self._mid_tones, self._keep = mid_tones, keep
        if positions:
            self.only_points = (
                "larsson trains on single points, which are no picture to judge: give --set options.positions=0"
            )

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Multiples of the network's stride with something left within the margin."""
        stride = 32 if options.get("fc", FC) else 16
        margin = options.get("margin", 96) if options.get("positions", 128) else 0
        if crop % stride or crop <= 2 * margin:
            raise NirganError(
                f"larsson cannot train at crop {crop}: give a multiple of {stride}"
                + (f" above {2 * margin}, or a smaller --set options.margin" if margin else "")
            )

    def prepare(self, samples: Iterable[Sample]) -> None:
        """Start from VGG-16, and bring its layers to one scale on a few training pictures.

        Raises:
            NirganError: if VGG-16's weights are not on this machine; with what to do.
        """
        network = self._network
        if bool(network.started):
            return  # weights that were taken over: what reads the layers is used to their scale
        if self._pretrained:
            load_vgg(network)
        if self._rescales:
            rescale(network, self._squares(samples))
        network.started.fill_(True)

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Predict histograms at random points, or in every cell; true ones from the pixels around."""
        source, gray = batch["source"].float(), lightness_to_gray(batch["source"].float())
        logits, places = self._drawn(gray - GRAY_MEAN, at)
        shape = logits.shape[-2:]  # (1, N), or that of the cells
        levels, gray = (colours_around(each, places, 1)[:, :, 0].unflatten(-1, shape) for each in (source, gray))
        around = colours_around(batch["target"].float(), places, self._window)  # (B,3,window²,N)
        true = around[:, :, around.shape[2] // 2].unflatten(-1, shape)
        predicted = logits.split(BINS, dim=1)
        first, second = predicted
        ab = self._histograms.ab(first.softmax(dim=1), second.softmax(dim=1), gray[:, 0])
        views: Views = {"lightness": levels, "ab": ab, "target_ab": rgb_to_lab(true)[:, 1:]}
        for name, each, bins in zip(self._histograms.names, predicted, self._histograms.bins(around), strict=True):
            views |= {f"{name}_logits": each, f"{name}_histogram": shares(bins).unflatten(-1, shape)}
        if "hue" in self._histograms.names:  # which means nothing without chroma
            views["hue_weights"] = hue_chroma(around)[1].mean(dim=1).unflatten(-1, shape)
        if self._mid_tones:
            views["chroma_weights"] = 3 * gray[:, 0].minimum(1 - gray[:, 0]).clamp(max=1 / 3)
        return views

    def _drawn(self, gray: Tensor, at: At) -> tuple[Tensor, Tensor]:
        """Logits of the two histograms (B,64,h,w), and rows and columns (B,h·w,2) of the pixels they are for."""
        if self._positions:
            places = random_places(gray, self._positions, self._margin, at.generator)
            return self._network.at(gray, from_minus_one_to_one(places, gray)).float(), places
        return self._network(gray).float(), cell_places(gray)

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """KL(chroma) + λ C KL(hue), or KL(a) + KL(b); means over points."""
        names = self._histograms.names
        return [Term(f"class_{name}", self._weights.get(name, 1.0), partial(_divergence, name)) for name in names]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Lab's a and b (B,2,H,W); histograms, not colours, are enlarged from cells."""
        gray = lightness_to_gray(source.float())
        logits = self._network((gray - GRAY_MEAN).to(source.dtype)).float()
        first, second = (
            F.interpolate(each.softmax(dim=1), scale_factor=CELL, mode="bilinear", align_corners=False)
            for each in logits.split(BINS, dim=1)
        )
        return self._histograms.ab(first, second, gray[:, 0])

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """RGB of the source's lightness; with ``keep=channel-mean`` shifted to its grey level, and clipped.

        The paper only knows the latter. Keeping L* is this toolkit's own: it holds in every pixel, also after clipping.
        """
        rgb = super().compose(source, raw)
        if self._keep == "lightness":
            return rgb
        return (rgb + lightness_to_gray(source.float()) - rgb.mean(dim=1, keepdim=True)).clamp(0, 1)

    @property
    def _network(self) -> Hypercolumn:
        network = self.networks["generator"]
        assert isinstance(network, Hypercolumn)
        return network

    def _squares(self, samples: Iterable[Sample]) -> Iterator[Tensor]:
        """The central squares of pictures at working size, as the network sees them."""
        side = round_up(self.working_size or 256, self.stride)
        for sample in samples:
            yield lightness_to_gray(central_source(sample, side)[None].float()) - GRAY_MEAN


def _divergence(name: str, views: Mapping[str, Any]) -> Tensor:
    return histogram_kl(views[f"{name}_logits"], views[f"{name}_histogram"], weights=views.get(f"{name}_weights"))


def _check(variant: Variant, width: int, fc: int, pretrained: bool, window: int, mid_tones: bool) -> None:
    if pretrained and (width != WIDTH or fc not in (0, FC)):
        raise NirganError(
            f"larsson: VGG-16's weights are for width {WIDTH} and fc {FC} or 0, not {width} and {fc}: start from "
            "random numbers with --set features.pretrained=false"
        )
    if window % 2 == 0:
        raise NirganError(f"larsson: window is {window}, but must be odd, to have a middle")
    if mid_tones and variant == "lab":
        raise NirganError("larsson: mid_tones weighs chroma, which variant=lab does not have; leave it out")


def _optimiser() -> Optimiser:
    # Tenths after 1 and 1.5 of 2 million steps; the public file's last, after 1.75, has no place in equal parts.
    schedule = Schedule("steps", hold=0.25, factor=0.1, parts=3)
    return Optimiser("sgd", lr=1e-3, betas=(0.9, 0.999), weight_decay=5e-4, schedule=schedule)
