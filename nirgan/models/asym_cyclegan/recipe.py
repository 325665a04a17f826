"""Asymmetric CycleGAN (Sun, Jung, Fu, Han; IEEE Access 7, 2019): networks, losses and update order.

The paper's text gives the objective and the kinds of networks; layers, weights and schedule are ours (see the card).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from torch import Tensor

from nirgan.discriminators.fpn import FpnDiscriminator
from nirgan.discriminators.patch import PatchDiscriminator
from nirgan.errors import NirganError
from nirgan.generators.unet import UNet
from nirgan.layers.affine import Head
from nirgan.layers.reach import round_up
from nirgan.layers.upsample import Upsample
from nirgan.losses.l1 import l1
from nirgan.models.cycles import CycleRecipe
from nirgan.models.options import Count, Size, Weight
from nirgan.models.recipe import At, Task, Term, Views
from nirgan.registry import MODELS

logger = logging.getLogger(__name__)

PAPER = "10.1109/ACCESS.2019.2933671"
STRIDE = 16
SMALLEST = 32
"""Side below which the bottom is one cell: too few for its reflected borders and its norms."""


@MODELS.register("asym-cyclegan", paper=PAPER)
class AsymCycleGAN(CycleRecipe):
    """Unpaired translation both ways, with residual blocks and a pyramid discriminator on the way to colour only.

    Args:
        task: ``nir2rgb``, or ``gray2rgb`` from lightness to all three channels.
        source_channels: Of the source.
        crop: Side of the training crop; a multiple of 16, at least 32.
        norm: Of every network. Batch norm wants batches of 4 or more.
        gan: Least squares or cross-entropy.
        lambda_back: λ1, weight of the adversarial term of target to source.
        lambda_cycle: λ2, weight of the cycles.
        rec_direction: Cycles from both sides, or from the source alone (all that the paper's figure shows).
        n_res: Residual blocks of the generator to colour.
        width: Channels of every network's first layer.
        pool_size: Generated pictures kept for each discriminator.
        lambda_identity: Weight of an L1 between a picture and what the generator *towards* its side makes of its grey
            (targets) or repeated (sources) version: CycleGAN's identity loss across different channel counts. Not the
            paper's. Nothing else tells bright from dark: without it the cycles are as content with negatives.
        lambda_paired_l1: Weight of an L1 to the target. Not the paper's; needs registered pairs, which are then served
            as such.
        upsample: Transposed convolutions, or resize and convolve.
        head: Draw the outputs, or local affine functions of what is translated, which keep its detail. Not the paper's.
    """

    paper = PAPER
    tasks = ("nir2rgb", "gray2rgb")
    pairings: tuple[str, ...] = ("registered", "unregistered", "unpaired")
    quiet: ClassVar[Mapping[str, Any]] = {"pool_size": 0}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"batch_size": 8, "crop": 128, "epochs": 200.0, "ema": {"decay": 0.0}},
        # Instance norm: the generator also sees generated sources, whose statistics batch norm would mix in.
        "small": {
            "batch_size": 4,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "options": {
                "width": 32,
                "n_res": 3,
                "norm": "instance",
                "upsample": "resize",
                "head": "affine",
                "lambda_cycle": 3.0,
                "lambda_identity": 0.2,
            },
        },
        # Ten times the rate: narrow networks that start at N(0, 0.02) hardly move in a few steps otherwise.
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 2e-3},
            "options": {"width": 8, "n_res": 1, "pool_size": 4},
        },
    }
    stride = STRIDE
    smallest = SMALLEST

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        norm: Literal["batch", "instance"] = "batch",
        gan: Literal["lsgan", "bce"] = "lsgan",
        lambda_back: Weight = 1.0,
        lambda_cycle: Weight = 10.0,
        rec_direction: Literal["both", "A"] = "both",
        n_res: Count = 6,
        width: Size = 64,
        pool_size: Count = 50,
        lambda_identity: Weight = 0.0,
        lambda_paired_l1: Weight = 0.0,
        upsample: Upsample = "transpose",
        head: Head = "direct",
    ) -> None:
        channels = (width, 2 * width, 4 * width, 8 * width)
        shared: dict[str, Any] = {"channels": channels, "norm": norm, "upsample": upsample, "head": head}
        generator = UNet(source_channels, 3, residual_blocks=n_res, **shared)
        super().__init__(
            generator=generator,
            generator_back=UNet(3, source_channels, **shared),
            discriminator=FpnDiscriminator(3, width=width, norm=norm),
            discriminator_back=PatchDiscriminator(source_channels, width=width, norm=norm),
            gan=gan,
            lambda_back=lambda_back,
            lambda_cycle=lambda_cycle,
            cycles_target=rec_direction == "both",
            lambda_identity=lambda_identity,
            pool_size=pool_size,
            # Independent crops of different scenes even where pairs are registered: tolerance to that is the paper's
            # point.
            view="image" if lambda_paired_l1 else "unpaired",
        )
        self._lambda_paired_l1 = lambda_paired_l1
        self.halo = round_up(generator.radius, STRIDE)
        self.whole_picture = norm == "instance"
        self._warn_below = 4 if norm == "batch" else 0
        if lambda_paired_l1:
            self.pairings = ("registered",)  # an option narrows what this instance accepts

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops are multiples of 16 from 32 up."""
        if crop % STRIDE or crop < SMALLEST:
            raise NirganError(
                f"asym-cyclegan cannot train at crop {crop}: give a multiple of {STRIDE}, at least {SMALLEST}"
            )

    def identity_inputs(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The target in grey and the source repeated, each with the other's number of channels."""
        gray_target, gray_source = (picture.mean(dim=1, keepdim=True) for picture in (target, source))
        return gray_target.expand_as(source), gray_source.expand_as(target)

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """As every cycle-consistent recipe."""
        self._warn_of_small_batch(len(batch["source"]))
        return super().forward(batch, at)

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """L_G = L_adv + λ1·L_adv_back + λ2·(cycles) and the options' terms; L_D is the same for both discriminators."""
        terms = super().terms(phase, at)
        if phase == "discriminator":
            return terms
        return [*terms, Term("paired_l1", self._lambda_paired_l1, lambda v: l1(v["compared"], v["target"]))]

    def _warn_of_small_batch(self, size: int) -> None:
        if size < self._warn_below:
            logger.warning(
                "batch norm learns poorly from batches of %d; use --batch-size 4 or --set options.norm=instance",
                size,
            )
            self._warn_below = 0
