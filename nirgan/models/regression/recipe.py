"""regression: a plain U-Net pulled to the target by L1 and SSIM, the baseline that adversarial recipes must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from torch import Tensor

from nirgan.color.lab import AB_SCALE, recoloured
from nirgan.errors import NirganError
from nirgan.generators.unet import UNet
from nirgan.layers.affine import Head
from nirgan.layers.upsample import Upsample
from nirgan.losses.l1 import l1
from nirgan.losses.ssim import ssim_loss
from nirgan.models.options import Size, Weight
from nirgan.models.paired_unet import PairedUNet, begin_near, channels_of, check_levels
from nirgan.models.recipe import At, Optimiser, Phase, Schedule, Stage, Task, Term, Views
from nirgan.registry import MODELS

PAPER = "ours"
SMALLEST = 11
"""Crop below which SSIM's window does not fit into the picture."""
LEVELS = 5


@MODELS.register("regression", paper=PAPER)
class Regression(PairedUNet):
    """pix2pix's U-Net without its discriminator: mean absolute error and structural dissimilarity, nothing else.

    Args:
        task: ``nir2rgb``, or ``gray2rgb``: then the U-Net gives a and b of Lab, and L comes from the source.
        source_channels: Of the source.
        crop: Side of the training crop: a multiple of 2 to the power of ``levels``, at least 11.
        lambda_l1: Weight of the mean absolute error of RGB in [-1, 1], or of a and b divided by 110.
        lambda_ssim: Of structural dissimilarity of RGB in [0, 1].
        norm: Of the U-Net.
        levels: Halvings in the U-Net.
        width: Channels of its first layer.
        upsample: Resize and convolve, or transposed convolutions.
        head: Local affine functions of the source, which keep its detail, or draw the output.
    """

    paper = PAPER
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # There is no paper: this is the full setting, for a GPU.
        "paper": {
            "batch_size": 8,
            "crop": 256,
            "steps": 40_000,
            "ema": {"decay": 0.999},
            "dataset": {"augment": {"scale": 0.4, "brightness": 0.15, "gamma": 0.15, "noise": 0.01}},
        },
        # As long as nirgan-base and of crops as large, with half as many parameters.
        "small": {
            "batch_size": 8,
            "crop": 160,
            "minutes": 25.0,
            "ema": {"decay": 0.998},
            "dataset": {"augment": {"scale": 0.3, "brightness": 0.15, "gamma": 0.15, "noise": 0.01}},
            "options": {"width": 25},
        },
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 2e-3, "warmup_steps": 0},
            "options": {"width": 8, "levels": 3},
        },
    }

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        lambda_l1: Weight = 1.0,
        lambda_ssim: Weight = 0.5,
        norm: Literal["batch", "instance"] = "batch",
        levels: Size = LEVELS,
        width: Size = 64,
        upsample: Upsample = "resize",
        head: Head = "affine",
    ) -> None:
        if not (lambda_l1 or lambda_ssim):
            raise NirganError("regression: both weights are 0, so there is nothing to learn: set options.lambda_l1=1")
        super().__init__(
            task=task,
            source_channels=source_channels,
            crop=crop,
            channels=channels_of(width, levels),
            norm=norm,
            upsample=upsample,
            head=head,
        )
        generator = self.networks["generator"]
        assert isinstance(generator, UNet)
        begin_near(generator)
        learning = Optimiser(lr=1e-3, betas=(0.9, 0.99), schedule=Schedule("cosine", warmup_steps=100))
        self.stages = (Stage("train", (Phase("generator", ("generator",), optimiser=learning),)),)
        self._lambda_l1, self._lambda_ssim = lambda_l1, lambda_ssim

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops that can be halved ``levels`` times, and that hold SSIM's window."""
        if crop < SMALLEST:
            raise NirganError(f"regression cannot train at crop {crop}: SSIM needs {SMALLEST} pixels or more")
        check_levels("regression", crop, options.get("levels", LEVELS))

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Translate; with SSIM, output and target also as RGB in [0, 1]."""
        views = super().forward(batch, at)
        if not self._lambda_ssim:
            return views
        shown = self._shown(views["output"], batch["target"])
        return {**views, "compared_rgb": shown, "target_rgb": batch["target"]}

    def _shown(self, output: Tensor, target: Tensor) -> Tensor:
        """The output as RGB (B,3,H,W), within [0, 1] as far as it can be shown."""
        # The lightness is the target's: the source's may have been changed to train on.
        return recoloured(target, AB_SCALE * output.float()) if self._ab else (output + 1) / 2

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """λ_l1 · mean|G(x) − y| + λ_ssim · (1 − SSIM)."""
        return [
            Term("l1", self._lambda_l1, lambda v: l1(v["compared"], v["target"])),
            Term("ssim", self._lambda_ssim, lambda v: ssim_loss(v["compared_rgb"], v["target_rgb"])),
        ]
