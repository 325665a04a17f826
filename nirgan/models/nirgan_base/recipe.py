"""nirgan-base: one network for NIR and grey pictures, and ideas of the field that can be switched on one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.color.ab_bins import soft_encode
from nirgan.color.gamut import keep_lightness
from nirgan.color.lab import AB_SCALE, recoloured, rgb_to_lab
from nirgan.discriminators.patch import PatchDiscriminator
from nirgan.errors import NirganError
from nirgan.generators.committee import Committee
from nirgan.generators.context_net import (
    BLOCKS,
    CONTEXT_KERNEL,
    DILATIONS,
    WIDTHS,
    BlockKind,
    ContextNet,
    Drawn,
    Padding,
)
from nirgan.generators.unet import UNet
from nirgan.layers.ab_head import AbHead
from nirgan.layers.channel_norm import PixelNorm
from nirgan.layers.diff_augment import Changes, changed, draw_changes
from nirgan.layers.gated_block import Kernel
from nirgan.layers.init import init_normal
from nirgan.layers.reach import round_up
from nirgan.losses.angular import Measure, angular
from nirgan.losses.chroma_l1 import chroma_l1
from nirgan.losses.coarse_l1 import coarse_l1
from nirgan.losses.edge_l1 import edge_l1
from nirgan.losses.gain_l1 import gain_l1
from nirgan.losses.gan import discriminator_loss, judged_as, least_squares
from nirgan.losses.l1 import l1
from nirgan.losses.l2 import l2
from nirgan.losses.luminance_l1 import luminance_l1
from nirgan.losses.shift_tolerant_l1 import shift_tolerant_l1
from nirgan.losses.soft_cross_entropy import soft_cross_entropy
from nirgan.losses.ssim import ssim_loss
from nirgan.models.options import Count, Dropout, Size, Weight
from nirgan.models.paired_unet import begin_near, channels_of, make_unet
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Schedule, Stage, Task, Term, Views
from nirgan.registry import MODELS

PAPER = "ours"
SMALLEST = 32
"""Crop below which the discriminator has nothing left to judge, and the coarse term few cells."""
BINS_LEVEL = 2
"""The bins of colour are told from features at an eighth of the resolution, or the coarsest where there are fewer."""

Loss = Callable[[Tensor, Tensor], Tensor]


@MODELS.register("nirgan-base", paper=PAPER)
class NirganBase(Recipe):
    """Networks that work at low resolution and draw, for each place, which colour each level of the source takes.

    Args:
        task: ``nir2rgb``: the output is RGB. ``gray2rgb``: it is a and b, and lightness stays the source's.
        source_channels: Of the source.
        crop: Side of the training crop: a multiple of the network's stride (32 by default), at least 32, and large
            enough for the dilations; two strides with U-Nets.
        widths: Of ``members``, as all that follows up to ``dropout``: channels at the resolution of the cells, at half
            of that, a quarter, ….
        blocks: How many at each of these but the last, down and up again.
        dilations: Of the gated blocks at the last.
        block: Dense or gated ones elsewhere.
        kernel: Of those gated ones.
        norm: Of gated blocks: over the channels of each pixel, or none.
        head: Which colour each level of the source takes at each place, or local affine functions of the source: both
            keep its detail; or draw the output.
        cell: Side in pixels of the cells that the network begins and ends with.
        knots: Of each curve.
        finest: Resolutions that the way up leaves out.
        padding: Beyond the picture's border.
        dropout: Of channels.
        members: Such networks, which share each batch while they learn, and whose answers are averaged.
        unets: pix2pix's U-Nets that do so beside them.
        unet_width: Channels of their first layer.
        working_size: Short side at which pictures are translated; None takes them as they are.
        training_size: Short side of the pictures that crops are cut from; None is ``working_size``.
        lambda_l1: Weight of the mean absolute error of RGB in [-1, 1], or of a and b divided by 110.
        lambda_l2: Of the mean squared error, as all that follow but the last two, of RGB in [0, 1].
        lambda_gain: Of the mean absolute error after the gain of each picture that brings it nearest.
        lambda_ssim: Of structural dissimilarity.
        lambda_angular: Of the angle between colours.
        angle: How that is measured: in proportion (``chord``), or squared (``cosine``).
        lambda_luminance: Of the mean absolute error of luminance; not for ``gray2rgb``, which keeps it.
        lambda_chroma: Of the mean absolute error of colour differences.
        lambda_edge: Of the mean absolute error of Sobel gradients.
        lambda_shift: Of the mean absolute error that forgives shifts by a pixel.
        lambda_coarse: Of the mean absolute error of copies at a quarter and a sixteenth of the size.
        lambda_bins: Of the cross-entropy of bins of a and b, which a second head tells while training.
        lambda_adversarial: Of the adversarial term (least squares); the discriminator sees source and output.
        judge_width: Channels of the discriminator's first layer.
        spectral: Spectral norm in the discriminator, in place of batch norm.
        augment_judged: Show it shifted pictures with holes, brighter or darker, true and generated ones alike.
        warmup_steps: Steps before the discriminator's first.
    """

    paper = PAPER
    tasks = ("nir2rgb", "gray2rgb")
    pairings: tuple[str, ...] = ("registered",)
    quiet: ClassVar[Mapping[str, Any]] = {"augment_judged": False, "dropout": 0.0}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # There is no paper: this is the full setting, for a GPU.
        "paper": {
            "batch_size": 16,
            "crop": 256,
            "steps": 40_000,
            "ema": {"decay": 0.999},
            "dataset": {"augment": {"scale": 0.4, "brightness": 0.1, "gamma": 0.1}},
            "options": {"working_size": 256, "padding": "replicate", "members": 2, "unets": 2},
        },
        "small": {
            "batch_size": 16,
            "crop": 160,
            "minutes": 25.0,
            "ema": {"decay": 0.999},
            "dataset": {"augment": {"scale": 0.4, "brightness": 0.1, "gamma": 0.1}},
            "options": {
                "widths": [16, 32, 64, 112, 112],
                "blocks": [1, 1, 1, 1],
                "dilations": [1, 1, 1],
                "working_size": 256,
                "padding": "replicate",
                "members": 2,
                "unets": 2,
                "unet_width": 18,
            },
        },
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 2e-3, "warmup_steps": 0},
            "options": {"widths": [8, 16, 16], "blocks": [1, 1], "dilations": [1], "judge_width": 8},
        },
    }

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        widths: tuple[Size, ...] = WIDTHS,
        blocks: tuple[Count, ...] = BLOCKS,
        dilations: tuple[Size, ...] = DILATIONS,
        block: BlockKind = "dense",
        kernel: Kernel = 3,
        norm: PixelNorm = "layer",
        head: Drawn = "curves",
        cell: Literal[2, 4] = 2,
        knots: Size = 8,
        finest: Count = 0,
        padding: Padding = "zeros",
        dropout: Dropout = 0.0,
        members: Size = 1,
        unets: Count = 0,
        unet_width: Size = 25,
        working_size: Size | None = None,
        training_size: Size | None = None,
        lambda_l1: Weight = 1.0,
        lambda_l2: Weight = 0.0,
        lambda_gain: Weight = 0.0,
        lambda_ssim: Weight = 0.7,
        lambda_angular: Weight = 1.0,
        angle: Measure = "chord",
        lambda_luminance: Weight = 0.0,
        lambda_chroma: Weight = 0.0,
        lambda_edge: Weight = 0.0,
        lambda_shift: Weight = 0.0,
        lambda_coarse: Weight = 0.0,
        lambda_bins: Weight = 0.0,
        lambda_adversarial: Weight = 0.0,
        judge_width: Size = 32,
        spectral: bool = False,
        augment_judged: bool = False,
        warmup_steps: Count = 0,
    ) -> None:
        super().__init__()
        self._ab = task == "gray2rgb"
        if self._ab and lambda_luminance:
            raise NirganError("nirgan-base: lambda_luminance is for nir2rgb: gray2rgb keeps the source's lightness")
        if training_size and not working_size:
            raise NirganError("nirgan-base: training_size is beside working_size: give options.working_size, too")
        if lambda_bins and unets:
            raise NirganError("nirgan-base: lambda_bins is told from features that U-Nets lack: give options.unets=0")
        out_channels = 2 if self._ab else 3
        start = 0.0 if self._ab else 1.0  # a and b start at grey, RGB as a copy
        make = partial(
            ContextNet,
            source_channels,
            out_channels,
            widths=widths,
            blocks=blocks,
            dilations=dilations,
            block=block,
            kernel=kernel,
            norm=norm,
            head=head,
            start=start,
            cell=cell,
            knots=knots,
            finest=finest,
            padding=padding,
            dropout=dropout,
        )
        levels = len(widths) + cell // 2 - 1  # to the same stride
        unet = partial(_unet, source_channels, out_channels, channels_of(unet_width, levels), start)
        generator = Committee([make() for _ in range(members)], [unet() for _ in range(unets)])
        self.networks = nn.ModuleDict({"generator": generator})
        if lambda_bins:
            self._bins_level = max(finest, min(BINS_LEVEL, len(widths) - 1))
            self.networks["bins"] = AbHead(widths[self._bins_level], "ab-bins")
        if lambda_adversarial:
            self.networks["discriminator"] = _judge(source_channels + out_channels, judge_width, spectral=spectral)
        self._losses: dict[str, tuple[float, Loss]] = {
            "l2": (lambda_l2, l2),
            "gain": (lambda_gain, gain_l1),
            "ssim": (lambda_ssim, ssim_loss),
            "angular": (lambda_angular, partial(angular, measure=angle)),
            "luminance": (lambda_luminance, luminance_l1),
            "chroma": (lambda_chroma, chroma_l1),
            "edge": (lambda_edge, edge_l1),
            "shift": (lambda_shift, shift_tolerant_l1),
            "coarse": (lambda_coarse, coarse_l1),
        }
        self._lambda_l1, self._lambda_bins, self._lambda_adversarial = lambda_l1, lambda_bins, lambda_adversarial
        if not any((lambda_l1, lambda_bins, lambda_adversarial, *(weight for weight, _ in self._losses.values()))):
            raise NirganError("nirgan-base: all weights are 0, so there is nothing to learn: set options.lambda_l1=1")
        # Channels that get brighter together; a and b must not: they would be another colour.
        self._lit = (source_channels if self._ab else source_channels + 3) if augment_judged else None
        self._warmup_steps, self._finest = warmup_steps, finest
        trained = ("generator", "bins") if lambda_bins else ("generator",)
        self.stages = (Stage("train", _phases(trained, judged=lambda_adversarial > 0)),)
        self.stride = self._generator.stride
        self.halo = round_up(self._generator.radius, self.stride)
        self.working_size, self.training_size = working_size, training_size

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Whole strides, and so large that the farthest taps at the bottom meet something of the picture."""
        stride = options.get("cell", 2) * 2 ** (len(options.get("widths", WIDTHS)) - 1)
        if crop < SMALLEST or crop % stride:
            raise NirganError(
                f"nirgan-base cannot train at crop {crop}: give a multiple of {stride}, at least {SMALLEST}"
            )
        # Taps that never do would keep their random start, and meet features in larger pictures.
        dilation, sides = max(options.get("dilations", DILATIONS), default=0), crop // stride
        if options.get("unets") and sides < 2:  # of a U-Net's innermost kernels, too
            raise NirganError(f"nirgan-base: U-Nets need a crop of {2 * stride} or more, not {crop}")
        if dilation * (CONTEXT_KERNEL // 2) >= sides:
            most = (sides - 1) // (CONTEXT_KERNEL // 2)
            larger = f"a crop of {stride * (dilation * (CONTEXT_KERNEL // 2) + 1)} or more"
            raise NirganError(
                f"nirgan-base: dilation {dilation} sees past a crop of {crop}, which is {sides} features wide at the "
                f"bottom: give {larger}" + (f", or options.dilations of at most {most}" if most else "")
            )

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Translate; source, target and output in [-1, 1] (a and b divided by 110), compared pictures in [0, 1] too."""
        source = 2 * batch["source"] - 1
        output, features = self._generator(source)
        target = rgb_to_lab(batch["target"].float())[:, 1:] / AB_SCALE if self._ab else 2 * batch["target"] - 1
        views: Views = {"source": source, "target": target, "output": output, "compared": output}
        if any(weight for weight, _ in self._losses.values()):
            views |= {"compared_rgb": self._shown(output, batch["target"]), "target_rgb": batch["target"]}
        return views | self._bin_views(batch["target"], features)

    def _shown(self, output: Tensor, target: Tensor) -> Tensor:
        """The output as RGB (B,3,H,W), within [0, 1] as far as it can be shown."""
        if not self._ab:
            return (output + 1) / 2
        # The lightness is the target's: the source's may have been changed to train on.
        return recoloured(target, AB_SCALE * output.float())

    def _bin_views(self, target: Tensor, features: Sequence[Tensor]) -> Views:
        """Logits of the 313 bins (B,313,h,w), and the bins of the target's mean colour in each cell with their shares.

        Registration leaves them where they are: what it moves by is small beside a cell.
        """
        if "bins" not in self.networks:
            return {}
        told = features[-1 - (self._bins_level - self._finest)]
        cells = F.avg_pool2d(target.float(), target.shape[-1] // told.shape[-1])
        bins, shares = soft_encode(rgb_to_lab(cells)[:, 1:])
        return {"bin_logits": self.networks["bins"](told), "bins": bins, "shares": shares}

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """Logits of the pairs (source, target) and (source, output), changed by the same draws."""
        if not self._lambda_adversarial or at.step < self._warmup_steps:
            return {}
        judge, fake = self.networks["discriminator"], torch.cat([views["source"], views["output"]], dim=1)
        changes = None if self._lit is None else draw_changes(fake, at.generator, lit=self._lit)
        if phase == "generator":
            return {"logits_fake": judge(_as_judged(fake, changes))}
        real = torch.cat([views["source"], views["target"]], dim=1)
        return {
            "logits_real": judge(_as_judged(real, changes)),
            "logits_fake": judge(_as_judged(fake.detach(), changes)),
        }

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """G: Σ λ · (term), each of its own kind; D: ½ [(D(x, y) - 1)² + D(x, G(x))²]."""
        start = self._warmup_steps
        if phase == "discriminator":
            return [Term("adversarial", 1.0, _judging, start_step=start)]
        return [
            Term("l1", self._lambda_l1, lambda v: l1(v["compared"], v["target"])),
            *(Term(name, weight, partial(_of_rgb, loss)) for name, (weight, loss) in self._losses.items()),
            Term("bins", self._lambda_bins, lambda v: soft_cross_entropy(v["bin_logits"], v["bins"], v["shares"])),
            Term(
                "adversarial",
                self._lambda_adversarial,
                lambda v: judged_as(v["logits_fake"], True, least_squares),
                start_step=start,
            ),
        ]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Curves, coefficients or colours, as ``Committee.draw``, for RGB in [-1, 1], or a and b in their own units."""
        drawn = self._generator.draw(2 * source - 1)
        return AB_SCALE * drawn if self._ab else drawn

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """RGB in [0, 1] at the source's full size, whose detail the coefficients are applied to."""
        source = source.float()
        output = self._generator.apply_to(2 * source - 1, raw.float())
        return keep_lightness(source, output) if self._ab else ((output + 1) / 2).clamp(0, 1)

    @property
    def _generator(self) -> Committee:
        generator = self.networks["generator"]
        assert isinstance(generator, Committee)
        return generator


def _unet(in_channels: int, out_channels: int, channels: Sequence[int], start: float) -> UNet:
    """As in recipe ``regression``, but with nothing after its coefficients."""
    network = make_unet(in_channels, out_channels, channels, start=start, activation="none")
    begin_near(network)
    return network


def _of_rgb(loss: Loss, views: Views) -> Tensor:
    return loss(views["compared_rgb"], views["target_rgb"])


def _judging(views: Views) -> Tensor:
    return discriminator_loss(views["logits_real"], views["logits_fake"], least_squares)


def _judge(channels: int, width: int, *, spectral: bool) -> PatchDiscriminator:
    judge = PatchDiscriminator(channels, width=width, norm="none" if spectral else "batch", spectral=spectral)
    if not spectral:  # whose start has no size, and cannot be set from outside
        init_normal(judge)
    return judge


def _as_judged(pair: Tensor, changes: Changes | None) -> Tensor:
    return pair if changes is None else changed(pair, changes)


def _phases(trained: tuple[str, ...], *, judged: bool) -> tuple[Phase, ...]:
    learning = Optimiser(lr=1e-3, betas=(0.9, 0.99), schedule=Schedule("cosine", warmup_steps=100))
    generator = Phase("generator", trained, optimiser=learning)
    judging = Optimiser(lr=2e-4, betas=(0.5, 0.999), schedule=Schedule("cosine"))
    return (Phase("discriminator", ("discriminator",), optimiser=judging), generator) if judged else (generator,)
