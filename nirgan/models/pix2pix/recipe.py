"""pix2pix (Isola, Zhu, Zhou, Efros; CVPR 2017): networks, losses and update order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from nirgan.discriminators.patch import PatchDiscriminator
from nirgan.errors import NirganError
from nirgan.layers.affine import Head
from nirgan.layers.init import init_normal
from nirgan.layers.noise import batch_statistics, dropout_on
from nirgan.layers.upsample import Upsample
from nirgan.losses.gan import discriminator_loss, gan_criterion, judged_as
from nirgan.losses.l1 import l1
from nirgan.models.options import Size, Weight
from nirgan.models.paired_unet import MOST_LEVELS, WIDEST, PairedUNet, channels_of, check_levels
from nirgan.models.recipe import At, Condition, Optimiser, Phase, Schedule, Stage, Task, Term, Views
from nirgan.registry import MODELS

PAPER = "arXiv 1611.07004"
SMALLEST = 32
"""Crop below which the discriminator has nothing left to judge."""
FEWEST_LEVELS = 5


@MODELS.register("pix2pix", paper=PAPER)
class Pix2Pix(PairedUNet):
    """A U-Net that is judged together with its source by a PatchGAN and pulled to the target by L1.

    Args:
        task: ``nir2rgb``, or ``gray2rgb``: then the U-Net gives a and b of Lab, and L comes from the source.
        source_channels: Of the source.
        crop: Side of the training crop; a multiple of 2 to the power of ``levels``, at least 32.
        norm: Of both networks.
        gan: Cross-entropy or least squares.
        lambda_l1: Weight of the L1 term.
        dropout: Decoder blocks with dropout: the three innermost (paper, Torch code), or the second to fourth (PyTorch
            code); in either case only blocks of the greatest width.
        levels: Halvings in the U-Net; None takes as many as the crop allows, at most 8.
        width: Channels of both networks' first layers.
        test_mode: ``eval`` predicts with running statistics and without dropout, ``paper`` with dropout and the
            statistics of what it sees.
        upsample: Transposed convolutions, or resize and convolve.
        head: Draw the output (paper), or local affine functions of the source, which keep its detail.
    """

    paper = PAPER
    conditions: tuple[Condition, ...] = (
        Condition(
            "noise_seed", int, None, "Turn dropout on at prediction, drawn from this seed; each seed gives a variant."
        ),
    )
    quiet: ClassVar[Mapping[str, Any]] = {"dropout": "none"}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"batch_size": 1, "crop": 256, "epochs": 200.0, "ema": {"decay": 0.0}},
        "small": {
            "batch_size": 4,
            "crop": 256,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "options": {"width": 32, "levels": 6, "dropout": "none", "upsample": "resize", "head": "affine"},
        },
        # Ten times the rate: narrow networks that start at N(0, 0.02) hardly move in a few steps otherwise.
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 2e-3},
            "options": {"width": 8},
        },
    }

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        norm: Literal["batch", "instance"] = "batch",
        gan: Literal["bce", "lsgan"] = "bce",
        lambda_l1: Weight = 100.0,
        dropout: Literal["d1-d3", "d2-d4", "none"] = "d1-d3",
        levels: int | None = None,
        width: Size = 64,
        test_mode: Literal["eval", "paper"] = "eval",
        upsample: Upsample = "transpose",
        head: Head = "direct",
    ) -> None:
        levels = levels_for(crop, levels)
        channels = channels_of(width, levels)
        dropout_blocks = [block for block in _DROPOUT_BLOCKS[dropout] if block <= channels[:-1].count(WIDEST * width)]
        super().__init__(
            task=task,
            source_channels=source_channels,
            crop=crop,
            channels=channels,
            norm=norm,
            dropout_blocks=dropout_blocks,
            upsample=upsample,
            head=head,
        )
        judged = source_channels + (2 if task == "gray2rgb" else 3)
        self.networks["discriminator"] = PatchDiscriminator(judged, width=width, norm=norm)
        init_normal(self.networks)
        self.stages = (Stage("train", _phases()),)
        self.whole_picture = self.whole_picture or test_mode == "paper"
        self._test_mode, self._lambda_l1 = test_mode, lambda_l1
        self._criterion = gan_criterion(gan)
        if not dropout_blocks:
            self.conditions = ()  # without dropout there is no noise to seed

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops that can be halved ``levels`` times."""
        levels_for(crop, options.get("levels"))

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """Logits of the pairs (source, target) and (source, output); the paper keeps no pool."""
        judge, source, output = self.networks["discriminator"], views["source"], views["output"]
        if phase == "generator":
            return {"logits_fake": judge(torch.cat([source, output], dim=1))}
        return {
            "logits_real": judge(torch.cat([source, views["target"]], dim=1)),
            "logits_fake": judge(torch.cat([source, output.detach()], dim=1)),
        }

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """G: c(D(x, G(x)), 1) + λ·L1; D: ½ [c(D(x, y), 1) + c(D(x, G(x)), 0)]."""
        criterion = self._criterion
        if phase == "discriminator":
            return [
                Term("adversarial", 1.0, lambda v: discriminator_loss(v["logits_real"], v["logits_fake"], criterion))
            ]
        return [
            Term("adversarial", 1.0, lambda v: judged_as(v["logits_fake"], True, criterion)),
            Term("l1", self._lambda_l1, lambda v: l1(v["compared"], v["target"])),
        ]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """RGB, or a and b divided by 110, in [-1, 1] at the source's size; equal calls give equal results."""
        generator = self.networks["generator"]
        seed = conditions.get("noise_seed")
        with ExitStack() as modes:
            if self._test_mode == "paper":
                modes.enter_context(batch_statistics(generator))
            if self._test_mode == "paper" or seed is not None:
                modes.enter_context(dropout_on(generator, 0 if seed is None else seed, source.device))
            return super().predict(source, conditions)


_DROPOUT_BLOCKS = {"d1-d3": (1, 2, 3), "d2-d4": (2, 3, 4), "none": ()}


def levels_for(crop: int, wanted: int | None = None) -> int:
    """How often the U-Net halves: as ``wanted``, else as often as the crop allows, at most 8 times.

    Raises:
        NirganError: if the crop is too small, cannot be halved so often, or fewer than 5 times with nothing wanted.
    """
    if crop < SMALLEST:
        raise NirganError(f"pix2pix cannot train at crop {crop}: its discriminator needs {SMALLEST} pixels or more")
    if wanted is not None:
        check_levels("pix2pix", crop, wanted)
        return wanted
    levels = max(n for n in range(MOST_LEVELS + 1) if crop % 2**n == 0)
    if levels < FEWEST_LEVELS:
        raise NirganError(
            f"pix2pix: crop {crop} can be halved {levels} times, too few for a U-Net with context: give a multiple of "
            f"{2**FEWEST_LEVELS} (256 is best), or fewer levels with --set options.levels={max(levels, 1)}"
        )
    return levels


def _phases() -> tuple[Phase, ...]:
    # Half at the full rate, half falling to zero, as in the authors' PyTorch code; the Torch code keeps it constant.
    optimiser = Optimiser(lr=2e-4, betas=(0.5, 0.999), schedule=Schedule("linear", hold=0.5))
    return (
        Phase("discriminator", ("discriminator",), optimiser=optimiser),
        Phase("generator", ("generator",), optimiser=optimiser),
    )
