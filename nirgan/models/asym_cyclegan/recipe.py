"""Asymmetric CycleGAN (Sun, Jung, Fu, Han; IEEE Access 7, 2019): networks, losses and update order.

The paper's text gives the objective and the kinds of networks; layers, weights and schedule are ours (see the card).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from nirgan.discriminators.fpn import FpnDiscriminator
from nirgan.discriminators.patch import PatchDiscriminator
from nirgan.errors import NirganError
from nirgan.generators.unet import UNet
from nirgan.layers.affine import Head
from nirgan.layers.init import init_normal
from nirgan.layers.pool import ImagePool
from nirgan.layers.upsample import Upsample
from nirgan.losses.gan import discriminator_loss, gan_criterion, judged_as
from nirgan.losses.l1 import l1
from nirgan.models.options import Count, Size, Weight
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Schedule, Stage, Task, Term, Views
from nirgan.registry import MODELS

logger = logging.getLogger(__name__)

PAPER = "10.1109/ACCESS.2019.2933671"
STRIDE = 16
SMALLEST = 32
"""Side below which the bottom is one cell: too few for its reflected borders and its norms."""


@MODELS.register("asym-cyclegan", paper=PAPER)
class AsymCycleGAN(Recipe):
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
                "lambda_identity": 1.0,
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
        super().__init__()
        self._lambda_back, self._lambda_cycle = lambda_back, lambda_cycle
        self._lambda_identity, self._lambda_paired_l1 = lambda_identity, lambda_paired_l1
        channels = (width, 2 * width, 4 * width, 8 * width)
        shared: dict[str, Any] = {"channels": channels, "norm": norm, "upsample": upsample, "head": head}
        generator = UNet(source_channels, 3, residual_blocks=n_res, **shared)
        self.networks = nn.ModuleDict(
            {
                "generator": generator,
                "generator_back": UNet(3, source_channels, **shared),
                "discriminator": FpnDiscriminator(3, width=width, norm=norm),
                "discriminator_back": PatchDiscriminator(source_channels, width=width, norm=norm),
            }
        )
        init_normal(self.networks)
        self.pool, self.pool_back = ImagePool(pool_size), ImagePool(pool_size)
        self.halo = -(-generator.radius // STRIDE) * STRIDE
        self.whole_picture = norm == "instance"
        self._criterion = gan_criterion(gan)
        self._cycles_target = lambda_cycle > 0 and rec_direction == "both"
        self._warn_below = 4 if norm == "batch" else 0
        self.stages = (self._stage(),)
        if lambda_paired_l1:
            self.pairings = ("registered",)  # an option narrows what this instance accepts

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops are multiples of 16 from 32 up."""
        if crop % STRIDE or crop < SMALLEST:
            raise NirganError(
                f"asym-cyclegan cannot train at crop {crop}: give a multiple of {STRIDE}, at least {SMALLEST}"
            )

    def _stage(self) -> Stage:
        # One optimiser for both generators and one for both discriminators; networks that no term reaches stay out.
        optimiser = Optimiser(lr=2e-4, betas=(0.5, 0.999), schedule=Schedule("linear", hold=0.5))
        back = bool(self._lambda_back)
        both = back or self._lambda_cycle or self._lambda_identity
        generators = ("generator", "generator_back") if both else ("generator",)
        discriminators = ("discriminator", "discriminator_back") if back else ("discriminator",)
        phases = (
            Phase("generator", generators, optimiser=optimiser),
            Phase("discriminator", discriminators, optimiser=optimiser),
        )
        # Independent crops of different scenes even where pairs are registered: tolerance to that is the paper's point.
        return Stage("train", phases, view="image" if self._lambda_paired_l1 else "unpaired")

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Translate both ways and, where a cycle term wants it, back again; all in [-1, 1], source and target too."""
        source, target = 2 * batch["source"] - 1, 2 * batch["target"] - 1
        self._warn_of_small_batch(len(source))
        generator, generator_back = self.networks["generator"], self.networks["generator_back"]
        output = generator(source)
        views: Views = {"source": source, "target": target, "output": output, "compared": output}
        if self._lambda_back or self._cycles_target:
            views["output_back"] = generator_back(target)
        if self._lambda_cycle:
            views["cycle_source"] = generator_back(output)
        if self._cycles_target:
            views["cycle_target"] = generator(views["output_back"])
        if self._lambda_identity:
            views["identity_target"] = generator(target.mean(dim=1, keepdim=True).expand_as(source))
            views["identity_source"] = generator_back(source.mean(dim=1, keepdim=True).expand_as(target))
        return views

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """Logits: of this step's pictures for the generators, of pool draws and real ones for the discriminators."""
        judge, judge_back = self.networks["discriminator"], self.networks["discriminator_back"]
        if phase == "generator":
            logits = {"logits_fake": judge(views["output"])}
            if self._lambda_back:
                logits["logits_fake_back"] = judge_back(views["output_back"])
            return logits
        drawn = self.pool.draw(views["output"], at.generator)
        logits = {"logits_real": judge(views["target"]), "logits_fake": judge(drawn)}
        if self._lambda_back:
            drawn_back = self.pool_back.draw(views["output_back"], at.generator)
            logits["logits_real_back"] = judge_back(views["source"])
            logits["logits_fake_back"] = judge_back(drawn_back)
        return logits

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """L_G = L_adv + λ1·L_adv_back + λ2·(cycles); L_D is the same for both discriminators."""
        criterion = self._criterion
        if phase == "discriminator":
            terms = [
                Term("adversarial", 1.0, lambda v: discriminator_loss(v["logits_real"], v["logits_fake"], criterion))
            ]
            if self._lambda_back:
                back = Term(
                    "adversarial_back",
                    1.0,
                    lambda v: discriminator_loss(v["logits_real_back"], v["logits_fake_back"], criterion),
                )
                terms.append(back)
            return terms
        return [
            Term("adversarial", 1.0, lambda v: judged_as(v["logits_fake"], True, criterion)),
            Term("adversarial_back", self._lambda_back, lambda v: judged_as(v["logits_fake_back"], True, criterion)),
            Term("cycle_source", self._lambda_cycle, lambda v: l1(v["cycle_source"], v["source"])),
            Term(
                "cycle_target",
                self._lambda_cycle if self._cycles_target else 0.0,
                lambda v: l1(v["cycle_target"], v["target"]),
            ),
            Term("identity_target", self._lambda_identity, lambda v: l1(v["identity_target"], v["target"])),
            Term("identity_source", self._lambda_identity, lambda v: l1(v["identity_source"], v["source"])),
            Term("paired_l1", self._lambda_paired_l1, lambda v: l1(v["compared"], v["target"])),
        ]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """RGB in [-1, 1] at the source's size."""
        return self.networks["generator"](2 * source - 1)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """From [-1, 1] to [0, 1]."""
        return ((raw + 1) / 2).clamp(0, 1)

    def _warn_of_small_batch(self, size: int) -> None:
        if size < self._warn_below:
            logger.warning(
                "batch norm learns poorly from batches of %d; use --batch-size 4 or --set options.norm=instance",
                size,
            )
            self._warn_below = 0
