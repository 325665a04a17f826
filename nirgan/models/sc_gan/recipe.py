"""SC-GAN (Suárez, Sappa, Vintimilla, Hammoud; ICIP 2018): networks, losses and update order.

Known of the paper are its loss with the weights, the three branches and the noise; layers and schedule are ours (see
the card).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nirgan.discriminators.dcgan import DcganDiscriminator
from nirgan.errors import NirganError
from nirgan.generators.triplet import BranchKind, TripletGenerator
from nirgan.layers.affine import Head
from nirgan.layers.init import init_normal
from nirgan.layers.noise_maps import Grain, NoiseMaps, drawn_noise, no_noise, placed_noise
from nirgan.layers.reach import round_up
from nirgan.losses.gan import cross_entropy, discriminator_loss, judged_as
from nirgan.losses.l2 import l2
from nirgan.losses.label_smoothing import smoothed
from nirgan.losses.ssim import ssim_loss
from nirgan.models.options import Count, Size, Weight
from nirgan.models.recipe import ORIGIN, At, Condition, Optimiser, Phase, Recipe, Stage, Task, Term, Views
from nirgan.registry import MODELS

PAPER = "ICIP 2018: Near InfraRed Imagery Colorization"
SMALLEST = 64
"""Crop below which the discriminator has nothing left to judge."""
LEVELS = 3

Levels = Annotated[int, Field(ge=2, le=8)]
Label = Annotated[float, Field(gt=0.5, le=1)]


@MODELS.register("sc-gan", paper=PAPER)
class ScGan(Recipe):
    """Three generators of one channel each, judged together with the source and pulled to the target by L2 and SSIM.

    Args:
        task: ``nir2rgb``.
        source_channels: Of the source.
        crop: Side of the training crop, at least 64; with ``branch=unet`` a multiple of 2 to the power of levels - 1.
        width: Channels of both networks' first layers.
        branch: Convolutions at full resolution that see 13 pixels, or a U-Net between the first and the last layer.
        levels: Resolutions of the U-Net; None is 3.
        flat: One branch for all three channels, as in the 2017 DCGAN, in place of one for each.
        head: Draw the output, or local affine functions of the source, which keep its detail. Not the paper's.
        noise: Standard deviation of the noise beside every layer; sources reach from -1 to 1.
        grain: Whether the noise is drawn for each pixel, or for each picture, so that it varies colours and not pixels.
        lambda_adversarial: Weight of the adversarial term.
        lambda_intensity: Weight of the mean squared error.
        lambda_ssim: Weight of the structural dissimilarity.
        lambda_features: Weight of matching the discriminator's four hidden layers on output and target.
        warmup_steps: Steps before the discriminator's first.
        real_label: What the discriminator is told of real pairs; 0.9 is one-sided label smoothing.
    """

    paper = PAPER
    tasks = ("nir2rgb",)
    pairings: tuple[str, ...] = ("registered",)
    conditions: tuple[Condition, ...] = (
        Condition("noise_seed", int, None, "Turn noise on at prediction, drawn from this seed; each gives a variant."),
    )
    quiet: ClassVar[Mapping[str, Any]] = {"noise": 0.0}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # 100 epochs of 160 patches, as many as a picture of 1024x680 holds; an epoch here is one crop of each picture.
        "paper": {"batch_size": 64, "crop": 64, "epochs": 16000.0, "ema": {"decay": 0.0}},
        "small": {
            "batch_size": 4,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "options": {
                "width": 16,
                "branch": "unet",
                "levels": 6,
                "head": "affine",
                "grain": "picture",
                # At 0.65, and even at 0.03, the adversary rules the colours for as long as minutes last; see the card.
                "lambda_adversarial": 0.0005,
                "warmup_steps": 200,
                "real_label": 0.9,
            },
        },
        # Ten times the rate: narrow networks that start at N(0, 0.02) hardly move in a few steps otherwise.
        # Little weight on the adversary: a few steps are to show that the other terms are learnt.
        "tiny": {
            "batch_size": 2,
            "crop": 64,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 2e-3},
            "options": {"width": 8, "lambda_adversarial": 0.03},
        },
    }

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        width: Size = 64,
        branch: BranchKind = "plain",
        levels: Levels | None = None,
        flat: bool = False,
        head: Head = "direct",
        noise: Weight = 0.1,
        grain: Grain = "pixel",
        lambda_adversarial: Weight = 0.65,
        lambda_intensity: Weight = 0.20,
        lambda_ssim: Weight = 0.15,
        lambda_features: Weight = 0.0,
        warmup_steps: Count = 0,
        real_label: Label = 1.0,
    ) -> None:
        super().__init__()
        generator = TripletGenerator(
            source_channels, width=width, branch=branch, levels=levels or LEVELS, flat=flat, head=head
        )
        discriminator = DcganDiscriminator(source_channels + 3, width=width)
        self.networks = nn.ModuleDict({"generator": generator, "discriminator": discriminator})
        init_normal(self.networks)
        self._judged = lambda_adversarial > 0 or lambda_features > 0
        self.stages = (Stage("train", _phases(self._judged)),)
        self.stride = generator.stride
        self.halo = round_up(generator.radius, self.stride)
        self._noise, self._grain = noise, grain
        self._lambda_adversarial, self._lambda_features = lambda_adversarial, lambda_features
        self._lambda_intensity, self._lambda_ssim = lambda_intensity, lambda_ssim
        self._warmup_steps = warmup_steps
        self._criterion = smoothed(cross_entropy, real_label)
        if not noise:
            self.conditions = ()  # there is no noise to seed

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops of 64 or more that can be halved as often as the U-Net does."""
        levels = options.get("levels")
        if options.get("branch", "plain") == "plain" and levels is not None:
            raise NirganError("sc-gan: levels are of branch=unet; plain branches have one resolution")
        stride = 2 ** ((levels or LEVELS) - 1) if options.get("branch") == "unet" else 1
        if crop < SMALLEST or crop % stride:
            raise NirganError(
                f"sc-gan cannot train at crop {crop}: give a multiple of {stride}, at least {SMALLEST}"
                + (", or fewer levels with --set options.levels=N" if crop % stride else "")
            )

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Translate with fresh noise; source, target and output in [-1, 1]."""
        source, target = 2 * batch["source"] - 1, 2 * batch["target"] - 1
        noise = drawn_noise(at.generator, self._noise, grain=self._grain) if self._noise else no_noise
        output = self.networks["generator"](source, noise)
        return {"source": source, "target": target, "output": output, "compared": output}

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """Logits of the pairs (source, target) and (source, output), and the hidden layers where they are matched."""
        judge, source, output = self.networks["discriminator"], views["source"], views["output"]
        assert isinstance(judge, DcganDiscriminator)
        if not self._judged or at.step < self._warmup_steps:
            return {}
        if phase == "discriminator":
            return {
                "logits_real": judge(torch.cat([source, views["target"]], dim=1)),
                "logits_fake": judge(torch.cat([source, output.detach()], dim=1)),
            }
        if not self._lambda_features:
            return {"logits_fake": judge(torch.cat([source, output], dim=1))}
        features_real = judge.features(torch.cat([source, views["target"]], dim=1))
        features_fake = judge.features(torch.cat([source, output], dim=1))
        return {
            "logits_fake": judge.judge(features_fake),
            "features_real": features_real,
            "features_fake": features_fake,
        }

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """G: 0.65·BCE(D(x, G(x)), 1) + 0.20·L2 + 0.15·(1 - SSIM); D: ½ [BCE(D(x, y), 1) + BCE(D(x, G(x)), 0)]."""
        criterion, start = self._criterion, self._warmup_steps
        if phase == "discriminator":
            return [
                Term(
                    "adversarial",
                    1.0,
                    lambda v: discriminator_loss(v["logits_real"], v["logits_fake"], criterion),
                    start_step=start,
                )
            ]
        return [
            Term(
                "adversarial",
                self._lambda_adversarial,
                lambda v: judged_as(v["logits_fake"], True, cross_entropy),
                start_step=start,
            ),
            # On [-1, 1] the squares would be four times as large, and the weights other ones.
            Term("l2", self._lambda_intensity, lambda v: l2(_unit(v["compared"]), _unit(v["target"]))),
            Term("ssim", self._lambda_ssim, lambda v: ssim_loss(_unit(v["compared"]), _unit(v["target"]))),
            Term(
                "features",
                self._lambda_features,
                lambda v: _matching(v["features_fake"], v["features_real"]),
                start_step=start,
            ),
        ]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """RGB in [-1, 1] at the source's size; without a seed there is no noise."""
        seed = conditions.get("noise_seed")
        noise: NoiseMaps = no_noise
        if seed is not None:
            noise = placed_noise(seed, self._noise, grain=self._grain, origin=conditions.get(ORIGIN, (0, 0)))
        return self.networks["generator"](2 * source - 1, noise)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """From [-1, 1] to [0, 1]."""
        return _unit(raw).clamp(0, 1)


def _unit(pictures: Tensor) -> Tensor:
    return (pictures + 1) / 2


def _matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Sum over layers of the mean squared difference of their features."""
    return torch.stack([l2(ours, theirs) for ours, theirs in zip(fake, real, strict=True)]).sum()


def _phases(judged: bool) -> tuple[Phase, ...]:
    optimiser = Optimiser(lr=2e-4, betas=(0.5, 0.999))
    generator = Phase("generator", ("generator",), optimiser=optimiser)
    return (Phase("discriminator", ("discriminator",), optimiser=optimiser), generator) if judged else (generator,)
