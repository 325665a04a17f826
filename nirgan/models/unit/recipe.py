"""UNIT (Liu, Breuel, Kautz; NIPS 2017): unpaired translation through a code that both domains share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.layers.affine import Head
from nirgan.layers.reach import radius, round_up
from nirgan.layers.upsample import Upsample
from nirgan.losses.gan import gan_criterion, judged_as
from nirgan.losses.gaussian_kl import gaussian_kl
from nirgan.losses.l1 import l1
from nirgan.models.options import Size, Weight
from nirgan.models.recipe import At, Phase, Recipe, Stage, Task, Term, Views
from nirgan.models.unit.variant import (
    CRITERION,
    WEIGHTS,
    Gan,
    Variant,
    auto_encoders,
    discriminator,
    judges_of,
    optimiser_of,
)
from nirgan.registry import MODELS

PAPER = "arXiv 1703.00848"
STRIDE = 4
SMALLEST = 8
"""Side below which the code is one cell, which instance norm cannot take."""
SIDES = ("source", "target")


@MODELS.register("unit", paper=PAPER)
class Unit(Recipe):
    """A variational auto-encoder and a discriminator per domain; to translate is to decode with the other's decoder.

    Options that are None follow the variant.

    Args:
        task: ``nir2rgb``, or ``gray2rgb`` from lightness to all three channels.
        source_channels: Of the source.
        crop: Side of the training crop; a multiple of 4, and enough for the discriminators' halvings.
        variant: ``shared-latent``, the paper's: a residual block on either side of the code serves both domains;
            ``no-sharing``: the authors' later code, with other layers and weights.
        width: Channels of every network's first layer.
        noise: Standard deviation of what is added to codes in training.
        dropout: At the end of each residual block (the authors' street scenes: 0.5).
        scales: At which a discriminator judges: 1, or 3 without sharing.
        layers: Halvings in a discriminator: 6, or 4 per scale where there are several.
        gan: Cross-entropy, or least squares without sharing.
        lambda_gan: Weight of the adversarial terms, the discriminators' too: 10, or 1 without sharing.
        lambda_reconstruction: Weight of each picture's own reconstruction: 100 or 10.
        lambda_kl: Weight of the size of its code: 0.1 or 0.01.
        lambda_cycle: Weight of the reconstruction by way of the other domain: 100 or 10.
        lambda_kl_back: Weight of the size of the translated picture's code: 0.1 or 0.01.
        upsample: ``transpose`` (shared latent alone), or ``resize``, which is what ``no-sharing`` does in its own way.
        head: Draw the pictures, or an offset and a gain for each pixel of the encoded picture's grey version, whose
            detail goes on so past the code. Not the paper's.
    """

    paper = PAPER
    tasks = ("nir2rgb", "gray2rgb")
    pairings: tuple[str, ...] = ("registered", "unregistered", "unpaired")
    quiet: ClassVar[Mapping[str, Any]] = {"noise": 0.0, "dropout": 0.0}
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"batch_size": 1, "crop": 128, "steps": 200_000, "ema": {"decay": 0.0}},
        "small": {
            "batch_size": 2,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "options": {"width": 16, "upsample": "resize", "head": "affine"},
        },
        # Ten times the rate: narrow networks that start at N(0, 0.02) hardly move in a few steps otherwise.
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 1e-3},
            "options": {"width": 8, "layers": 3},
        },
    }
    stride = STRIDE
    smallest = SMALLEST
    whole_picture = True

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        variant: Variant = "shared-latent",
        width: Size = 64,
        noise: Weight = 1.0,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        scales: Size | None = None,
        layers: Size | None = None,
        gan: Gan | None = None,
        lambda_gan: Weight | None = None,
        lambda_reconstruction: Weight | None = None,
        lambda_kl: Weight | None = None,
        lambda_cycle: Weight | None = None,
        lambda_kl_back: Weight | None = None,
        upsample: Upsample | None = None,
        head: Head = "direct",
    ) -> None:
        super().__init__()
        self._weights = WEIGHTS[variant].but(
            gan=lambda_gan,
            reconstruction=lambda_reconstruction,
            kl=lambda_kl,
            cycle=lambda_cycle,
            kl_back=lambda_kl_back,
        )
        if not (self._weights.gan or self._weights.reconstruction or self._weights.cycle):
            raise NirganError(
                "unit: nothing trains the decoders: give lambda_gan, lambda_reconstruction or lambda_cycle"
            )
        if variant == "no-sharing" and upsample == "transpose":
            raise NirganError("unit: no-sharing always resizes: leave upsample out, or take variant shared-latent")
        channels = {"source": source_channels, "target": 3}
        trained = auto_encoders(variant, channels, width=width, dropout=dropout, upsample=upsample, head=head)
        judges = judges_of(variant, scales, layers)
        judging = {f"discriminator_{side}": discriminator(judges, channels[side], width) for side in SIDES}
        self.networks = nn.ModuleDict({**trained, **judging})
        self._shares, self._guided, self._noise = variant == "shared-latent", head == "affine", noise
        self._criterion = gan_criterion(gan or CRITERION[variant])
        shared = ("shared_encoder", "shared_decoder") if self._shares else ()
        self.translates_with = ("encoder_source", *shared, "decoder_target")
        chain = nn.Sequential(*(self.networks[name] for name in self.translates_with))
        self.halo = round_up(radius(chain, STRIDE), STRIDE)
        optimiser = optimiser_of(variant)
        phases = [Phase("generator", tuple(trained), optimiser=optimiser)]
        if self._weights.gan:
            phases.insert(0, Phase("discriminator", tuple(judging), optimiser=optimiser))
        # Independent crops of different scenes even where pairs are registered, as in the paper.
        self.stages = (Stage("train", tuple(phases), view="unpaired"),)

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops are multiples of 4 from 8 up that the discriminators can halve as often as they do."""
        judges = judges_of(options.get("variant", "shared-latent"), options.get("scales"), options.get("layers"))
        least = max(SMALLEST, judges.smallest)
        if crop % STRIDE or crop < least:
            raise NirganError(
                f"unit cannot train at crop {crop}: give a multiple of {STRIDE}, at least {least}, or discriminators "
                f"with fewer than {judges.layers} layers or {judges.scales} scales (--set options.layers=3)"
            )

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Encode both sides, decode each code to both, and on to where weights ask for it; pictures in [-1, 1].

        Views per side: the picture, ``code_<side>``, ``same_<side>`` (its reconstruction), ``fake_<side>`` (made of the
        other side's picture), ``code_back_<side>`` (of the fake made of this side's picture) and ``cycle_<side>``.
        """
        weights = self._weights
        crosses = weights.gan or weights.cycle or weights.kl_back
        views: Views = {side: 2 * batch[side] - 1 for side in SIDES}
        for side, other in (SIDES, SIDES[::-1]):
            picture = views[side]
            code = views[f"code_{side}"] = self._encode(side, picture)
            features = self._sample(code, at)  # one sample of the code serves both decoders
            if weights.reconstruction:
                views[f"same_{side}"] = self._draw(side, features, picture)
            if crosses or other == "target":
                fake = views[f"fake_{other}"] = self._draw(other, features, picture)
            if weights.cycle or weights.kl_back:
                code = views[f"code_back_{side}"] = self._encode(other, fake)
            if weights.cycle:
                views[f"cycle_{side}"] = self._draw(side, self._sample(code, at), fake)
        return {**views, "output": views["fake_target"], "compared": views["fake_target"]}

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """Each side's logits: of fakes, and for the discriminators' own phase of real pictures; there is no pool."""
        logits: Views = {}
        for side in SIDES if self._weights.gan else ():
            judge, fake = self.networks[f"discriminator_{side}"], views[f"fake_{side}"]
            if phase == "discriminator":
                logits[f"logits_real_{side}"] = judge(views[side])
            logits[f"logits_fake_{side}"] = judge(fake.detach() if phase == "discriminator" else fake)
        return logits

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """The same for both sides; adversarial terms are summed over scales, and D's is not halved."""
        side_terms = self._discriminator_terms if phase == "discriminator" else self._generator_terms
        return [term for side in SIDES for term in side_terms(side)]

    def _discriminator_terms(self, side: str) -> list[Term]:
        def adversarial(views: Views) -> Tensor:
            real, fake = views[f"logits_real_{side}"], views[f"logits_fake_{side}"]
            return self._judged(real, True) + self._judged(fake, False)

        return [Term(f"adversarial_{side}", self._weights.gan, adversarial)]

    def _generator_terms(self, side: str) -> list[Term]:
        weights = self._weights
        return [
            Term(f"adversarial_{side}", weights.gan, lambda v: self._judged(v[f"logits_fake_{side}"], True)),
            Term(f"reconstruction_{side}", weights.reconstruction, lambda v: l1(v[f"same_{side}"], v[side])),
            Term(f"kl_{side}", weights.kl, lambda v: gaussian_kl(v[f"code_{side}"])),
            Term(f"cycle_{side}", weights.cycle, lambda v: l1(v[f"cycle_{side}"], v[side])),
            Term(f"kl_back_{side}", weights.kl_back, lambda v: gaussian_kl(v[f"code_back_{side}"])),
        ]

    def _judged(self, logits: Tensor | Sequence[Tensor], real: bool) -> Tensor:
        return judged_as(logits, real, self._criterion, scales="sum")

    def _encode(self, side: str, picture: Tensor) -> Tensor:
        """Mean of a picture's code."""
        code = self.networks[f"encoder_{side}"](picture)
        return self.networks["shared_encoder"](code) if self._shares else code

    def _sample(self, code: Tensor, at: At) -> Tensor:
        """What both decoders read: a sample of the code, in training, through the shared block."""
        if self.training and self._noise:
            drawn = torch.randn(code.shape, generator=at.generator, device=code.device, dtype=code.dtype)
            code = code + self._noise * drawn
        return self._read(code)

    def _read(self, code: Tensor) -> Tensor:
        return self.networks["shared_decoder"](code) if self._shares else code

    def _draw(self, side: str, features: Tensor, encoded: Tensor) -> Tensor:
        """The picture of ``side``; ``encoded`` is the one that the code is of."""
        guide = encoded.mean(dim=1, keepdim=True) if self._guided else None
        return self.networks[f"decoder_{side}"](features, guide)

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """RGB in [-1, 1] at the source's size, from the mean of its code: nothing is drawn at random."""
        picture = 2 * source - 1
        return self._draw("target", self._read(self._encode("source", picture)), picture)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """From [-1, 1] to [0, 1]."""
        return ((raw + 1) / 2).clamp(0, 1)
