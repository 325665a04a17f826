"""What recipes share that teach one U-Net registered pairs: the network, the ranges, what translation does."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

from torch import Tensor, nn

from nirgan.color.gamut import keep_lightness
from nirgan.color.lab import AB_SCALE, rgb_to_lab
from nirgan.errors import NirganError
from nirgan.generators.unet import UNet
from nirgan.layers.activation import Activation
from nirgan.layers.affine import Head
from nirgan.layers.init import init_normal
from nirgan.layers.reach import round_up
from nirgan.layers.upsample import Upsample
from nirgan.models.recipe import At, Recipe, Task, Views

MOST_LEVELS = 8
"""Halvings, as in pix2pix."""
WIDEST = 8
"""Times the first layer's channels, beyond which deeper levels have no more."""
_TAIL = 1e-4
"""Of the last convolution's start: its features are normed, and with 0.02 it would lay loud noise over the copy."""


class PairedUNet(Recipe):
    """Base of recipes that pull pix2pix's U-Net to the targets of registered pairs, whatever else they do.

    For ``nir2rgb`` it draws RGB; for ``gray2rgb`` a and b of Lab, and L comes from the source. A recipe of this kind
    puts its other networks, if any, beside ``generator``, starts them all, and states its stages and terms.

    Args:
        task: ``nir2rgb`` or ``gray2rgb``.
        source_channels: Of the source.
        crop: Side of the training crop.
        channels: Of each level of the U-Net, from the outside; see ``channels_of``.
        norm: Of the U-Net.
        dropout_blocks: Its decoder blocks with dropout, from 1 inside.
        upsample: Transposed convolutions, or resize and convolve.
        head: Draw the output, or local affine functions of the source.
    """

    tasks = ("nir2rgb", "gray2rgb")
    pairings: tuple[str, ...] = ("registered",)

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        channels: Sequence[int],
        norm: Literal["batch", "instance"],
        dropout_blocks: Collection[int] = (),
        upsample: Upsample,
        head: Head,
    ) -> None:
        super().__init__()
        self._ab = task == "gray2rgb"
        generator = make_unet(
            source_channels,
            2 if self._ab else 3,
            channels,
            norm=norm,
            dropout_blocks=dropout_blocks,
            upsample=upsample,
            head=head,
            start=0.0 if self._ab else 1.0,  # a and b start at grey, RGB as a copy
        )
        self.networks = nn.ModuleDict({"generator": generator})
        self.stride = generator.stride
        self.halo = round_up(generator.radius, self.stride)
        self.whole_picture = norm == "instance"
        # With one cell at the bottom the outer taps of the 4×4 kernels there meet only zero padding, get no gradient
        # and keep their random start; in a larger picture they would meet features.
        self.tile = crop if crop == self.stride else None

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Translate; source, target and output in the networks' own range, [-1, 1] (a and b divided by 110)."""
        source = 2 * batch["source"] - 1
        target = rgb_to_lab(batch["target"])[:, 1:] / AB_SCALE if self._ab else 2 * batch["target"] - 1
        output = self.networks["generator"](source)
        return {"source": source, "target": target, "output": output, "compared": output}

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """RGB, or a and b divided by 110, in [-1, 1] at the source's size."""
        drawn: Tensor = self.networks["generator"](2 * source - 1)
        return drawn

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """RGB in [0, 1]; for ``gray2rgb`` from the source's lightness, which is kept, and the raw a and b."""
        if self._ab:
            return keep_lightness(source, AB_SCALE * raw)
        return ((raw + 1) / 2).clamp(0, 1)


def make_unet(
    source_channels: int,
    out_channels: int,
    channels: Sequence[int],
    *,
    start: float,
    norm: Literal["batch", "instance"] = "batch",
    dropout_blocks: Collection[int] = (),
    upsample: Upsample = "resize",
    head: Head = "affine",
    activation: Activation = "tanh",
) -> UNet:
    """pix2pix's U-Net, as these recipes have it; ``start`` is the gain that the head ``affine`` begins with."""
    return UNet(
        source_channels,
        out_channels,
        channels=channels,
        norm=norm,
        innermost_norm=False,
        rectified_skips=True,
        bias_without_norm=False,
        dropout_blocks=dropout_blocks,
        upsample=upsample,
        head=head,
        start=start,
        activation=activation,
    )


def begin_near(network: UNet) -> None:
    """Set random weights with which a U-Net begins near the start of its head."""
    init_normal(network)
    init_normal(network.out, std=_TAIL)


def channels_of(width: int, levels: int) -> list[int]:
    """Channels of each level, from the outside: twice as many at each halving, at most eight times the first."""
    return [width * min(2**level, WIDEST) for level in range(levels)]


def check_levels(name: str, crop: int, levels: int) -> None:
    """Raise NirganError, for the recipe called ``name``, where a crop cannot be halved so often."""
    if not 1 <= levels <= MOST_LEVELS or crop % 2**levels:
        raise NirganError(
            f"{name}: {levels} levels do not fit crop {crop}: levels go from 1 to {MOST_LEVELS}, and the crop must be "
            "a multiple of 2 to that power"
        )
