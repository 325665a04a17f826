"""CycleGAN (Zhu, Park, Isola, Efros; ICCV 2017): networks, losses and update order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from nirgan.discriminators.patch import PatchDiscriminator
from nirgan.errors import NirganError
from nirgan.generators.resnet import ResNetGenerator
from nirgan.layers.affine import Head
from nirgan.layers.init import init_normal
from nirgan.layers.reach import round_up
from nirgan.layers.upsample import Upsample
from nirgan.models.cycles import CycleRecipe
from nirgan.models.options import Count, Size, Weight
from nirgan.models.recipe import Task
from nirgan.registry import MODELS

PAPER = "arXiv 1703.10593"
STRIDE = ResNetGenerator.stride
SMALLEST_CROP = 32
"""Crop below which the discriminators have nothing left to judge."""


@MODELS.register("cyclegan", paper=PAPER)
class CycleGAN(CycleRecipe):
    """Unpaired translation both ways with ResNets, PatchGANs and cycles.

    Args:
        task: ``nir2rgb``, or ``gray2rgb`` from lightness to all three channels.
        source_channels: Of the source.
        crop: Side of the training crop; a multiple of 4, at least 32.
        norm: Of every network. Batch norm wants batches of 4 or more.
        gan: Least squares or cross-entropy.
        lambda_cycle: Weight of each cycle.
        lambda_identity: Weight of the L1 between a picture and what the generator *towards* its side makes of it, which
            keeps brightness and tint. The paper's value where it has one is half of ``lambda_cycle``. It needs sources
            of three channels, or ``replicate_source``.
        replicate_source: Repeat a source of one channel to three, so that every network has three and sources can be
            compared with targets. What the way back draws is averaged over its channels. Not the paper's.
        n_res: Residual blocks of both generators; None takes 9 for crops of 256 pixels and more, else 6.
        width: Channels of every network's first layer.
        pool_size: Generated pictures kept for each discriminator.
        upsample: Transposed convolutions, or resize and convolve.
        head: Draw the outputs, or local affine functions of what is translated, which keep its detail. Not the paper's.
    """

    paper = PAPER
    tasks = ("nir2rgb", "gray2rgb")
    pairings: tuple[str, ...] = ("registered", "unregistered", "unpaired")
    quiet: ClassVar[Mapping[str, Any]] = {"pool_size": 0}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"batch_size": 1, "crop": 256, "epochs": 200.0, "ema": {"decay": 0.0}},
        "small": {
            "batch_size": 2,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "options": {
                "width": 16,
                "n_res": 4,
                "upsample": "resize",
                "head": "affine",
                "lambda_cycle": 3.0,
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
    smallest = ResNetGenerator.smallest

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        norm: Literal["instance", "batch"] = "instance",
        gan: Literal["lsgan", "bce"] = "lsgan",
        lambda_cycle: Weight = 10.0,
        lambda_identity: Weight = 0.0,
        replicate_source: bool = False,
        n_res: Count | None = None,
        width: Size = 64,
        pool_size: Count = 50,
        upsample: Upsample = "transpose",
        head: Head = "direct",
    ) -> None:
        channels = _channels(source_channels, replicate=replicate_source, identity=lambda_identity > 0)
        blocks = (9 if crop >= 256 else 6) if n_res is None else n_res
        shared: dict[str, Any] = {"width": width, "norm": norm}
        drawing: dict[str, Any] = {"residual_blocks": blocks, "upsample": upsample, "head": head, **shared}
        generator = ResNetGenerator(channels, 3, **drawing)
        generator_back = ResNetGenerator(3, channels, **drawing)
        super().__init__(
            generator=generator,
            generator_back=nn.Sequential(generator_back, _Gray()) if replicate_source else generator_back,
            discriminator=PatchDiscriminator(3, **shared),
            discriminator_back=PatchDiscriminator(channels, **shared),
            gan=gan,
            lambda_cycle=lambda_cycle,
            lambda_identity=lambda_identity,
            pool_size=pool_size,
        )
        if head == "affine":  # 7×7 kernels of the usual start would lay noise over the copies that the head begins with
            for network in (generator, generator_back):
                init_normal(network.body[-1], std=0.002)
        self._channels = channels
        self.halo = round_up(generator.radius, STRIDE)
        self.whole_picture = norm == "instance"

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops are multiples of 4 from 32 up."""
        if crop % STRIDE or crop < SMALLEST_CROP:
            raise NirganError(
                f"cyclegan cannot train at crop {crop}: give a multiple of {STRIDE}, at least {SMALLEST_CROP}"
            )

    def in_range(self, source: Tensor) -> Tensor:
        """The source in [-1, 1], repeated if the networks want it so."""
        return super().in_range(source).expand(-1, self._channels, -1, -1)


class _Gray(nn.Module):
    """Every channel the mean of all: three that differ could carry colour past the source, which has none."""

    def forward(self, picture: Tensor) -> Tensor:
        return picture.mean(dim=1, keepdim=True).expand_as(picture)


def _channels(source_channels: int, *, replicate: bool, identity: bool) -> int:
    """Channels of a source as the networks see it.

    Raises:
        NirganError: if the source cannot be repeated, or an identity loss would compare different numbers of channels.
    """
    if replicate and source_channels != 1:
        raise NirganError(
            f"cyclegan: replicate_source repeats one channel to three, but the source has {source_channels}: set "
            "options.replicate_source=false"
            + (" and options.lambda_identity=0" if identity and source_channels != 3 else "")
        )
    channels = 3 if replicate else source_channels
    if identity and channels != 3:
        repeat = "options.replicate_source=true or " if channels == 1 else ""
        raise NirganError(
            f"cyclegan: an identity loss compares sources with outputs of 3 channels, but the source has {channels}: "
            f"set {repeat}options.lambda_identity=0"
        )
    return channels
