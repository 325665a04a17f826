"""UNIT's two published forms: what differs between them besides the networks' layers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from torch import nn

from nirgan.discriminators.multi_scale import MultiScaleDiscriminator
from nirgan.discriminators.strided import StridedDiscriminator
from nirgan.generators.unit import UnitDecoder, UnitEncoder, unit_block
from nirgan.generators.unit_separate import SeparateDecoder, SeparateEncoder
from nirgan.layers.affine import Head
from nirgan.layers.halve import GaussianHalf
from nirgan.layers.init import init_kaiming, init_normal
from nirgan.layers.upsample import Upsample
from nirgan.models.recipe import Optimiser, Schedule

Variant = Literal["shared-latent", "no-sharing"]
Gan = Literal["bce", "lsgan"]


@dataclass(frozen=True)
class Weights:
    """Of the terms of one domain; both domains' terms weigh alike."""

    gan: float
    reconstruction: float
    kl: float
    cycle: float
    kl_back: float

    def but(self, **given: float | None) -> Weights:
        """These, with those that are given and not None in place of their own."""
        return replace(self, **{name: value for name, value in given.items() if value is not None})


@dataclass(frozen=True)
class Judges:
    """What a domain's discriminator is built of: scales, halvings in each, side of the kernels."""

    scales: int
    layers: int
    kernel: Literal[3, 4]

    @property
    def smallest(self) -> int:
        """Least side that the coarsest scale can halve so often."""
        return 2 ** (self.scales + self.layers - 1)


WEIGHTS: dict[str, Weights] = {
    "shared-latent": Weights(gan=10.0, reconstruction=100.0, kl=0.1, cycle=100.0, kl_back=0.1),
    "no-sharing": Weights(gan=1.0, reconstruction=10.0, kl=0.01, cycle=10.0, kl_back=0.01),
}
CRITERION: dict[str, Gan] = {"shared-latent": "bce", "no-sharing": "lsgan"}


def judges_of(variant: str, scales: int | None, layers: int | None) -> Judges:
    """Discriminators of a variant, as far as not given."""
    if variant == "no-sharing":
        return Judges(scales or 3, layers or 4, kernel=4)
    scales = scales or 1
    return Judges(scales, layers or (6 if scales == 1 else 4), kernel=3)  # several scales: the authors' street scenes


def auto_encoders(
    variant: Variant,
    channels: dict[str, int],
    *,
    width: int,
    dropout: float,
    upsample: Upsample | None,
    head: Head,
) -> dict[str, nn.Module]:
    """Encoders and decoders of each side by name, and the blocks between that both share; with starting weights."""
    common: dict[str, Any] = {"width": width, "dropout": dropout}
    networks: dict[str, nn.Module] = {}
    for side, count in channels.items():
        if variant == "shared-latent":
            networks[f"encoder_{side}"] = UnitEncoder(count, **common)
            networks[f"decoder_{side}"] = UnitDecoder(count, upsample=upsample or "transpose", head=head, **common)
        else:
            networks[f"encoder_{side}"] = SeparateEncoder(count, **common)
            networks[f"decoder_{side}"] = SeparateDecoder(count, head=head, **common)
    if variant == "shared-latent":
        networks |= {name: unit_block(4 * width, dropout) for name in ("shared_encoder", "shared_decoder")}
    for network in networks.values():
        init_normal(network) if variant == "shared-latent" else init_kaiming(network)
    return networks


def discriminator(judges: Judges, in_channels: int, width: int) -> nn.Module:
    """One domain's discriminator, with starting weights."""
    common: dict[str, Any] = {"width": width, "layers": judges.layers, "kernel": judges.kernel}
    common |= {"slope": 0.01, "padding": "zeros"} if judges.kernel == 3 else {"slope": 0.2, "padding": "reflect"}
    each = [StridedDiscriminator(in_channels, **common) for _ in range(judges.scales)]
    # The average counts real pixels only, so that borders are not darkened.
    halve = GaussianHalf() if judges.kernel == 3 else nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)
    network = each[0] if judges.scales == 1 else MultiScaleDiscriminator(each, halve=halve)
    init_normal(network)
    return network


def optimiser_of(variant: str) -> Optimiser:
    """Adam for every phase: at a constant rate, or halved after each tenth of the run (100,000 of a million steps)."""
    schedule = Schedule() if variant == "shared-latent" else Schedule("steps", factor=0.5, parts=10)
    return Optimiser(lr=1e-4, betas=(0.5, 0.999), weight_decay=1e-4, schedule=schedule)
