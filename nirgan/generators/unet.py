"""The U-Net of pix2pix and of the asymmetric CycleGAN: strided convolutions down, up again, skips between."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.layers.activation import Activation, make_activation
from nirgan.layers.affine import Head, coefficient_count, local_affine
from nirgan.layers.norm import Norm, bias_before, make_norm
from nirgan.layers.reach import radius
from nirgan.layers.residual import ResidualBlock
from nirgan.layers.upsample import Upsample, enlarged, upsampling_conv
from nirgan.registry import GENERATORS

SLOPE = 0.2
"""Of the encoder's leaky ReLUs."""


@GENERATORS.register("unet", paper="arXiv 1611.07004")
class UNet(nn.Module):
    """Encoder of 4×4 convolutions with stride 2, residual blocks at the bottom, mirrored decoder, tanh.

    Levels count from the outside for the encoder (e1, e2, …) and from the inside for the decoder (d1, d2, …), as in
    pix2pix. The first convolution has no norm.

    Args:
        in_channels: Of the source.
        out_channels: Of the output.
        channels: Of each level, from the outside; as many levels as entries.
        norm: After every convolution but the first and the last.
        innermost_norm: Whether the innermost encoder convolution has one (not where its output is 1×1).
        residual_blocks: At the bottom.
        rectified_skips: What skips and bottom carry: ReLU'd features (pix2pix's codes, whose ReLU comes after the
            concatenation) or the leaky ReLU'd ones that the encoder itself goes on with.
        bias_without_norm: Whether encoder convolutions that no norm follows have a bias (not in pix2pix's PyTorch code
            with batch norm).
        dropout_blocks: Decoder blocks, from 1 inside, with dropout 0.5 after their norm.
        skips: Without them it is the encoder-decoder of pix2pix's ablation.
        upsample: ``transpose`` or ``resize``.
        head: ``direct``: the last convolution draws the output; ``affine``: it draws an affine function for each pixel
            of the source, whose detail goes on so; from half the resolution, where the finest skip is,
            ``resize`` cannot draw single pixels.
        start: Of ``affine``: gain of the source in the output before training.
        beside: Channels that ``forward``'s ``join`` puts beside what each convolution block gets.
        activation: The last: ``tanh`` or none for pictures, ``relu`` for features.

    Shape: (B, in_channels, H, W) to (B, out_channels, H, W), in [-1, 1] with tanh; H and W are multiples of ``stride``,
    and at least ``smallest``: twice that with residual blocks or an instance norm at the bottom.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        channels: Sequence[int] = (64, 128, 256, 512),
        norm: Norm = "batch",
        innermost_norm: bool = True,
        residual_blocks: int = 0,
        rectified_skips: bool = False,
        bias_without_norm: bool = True,
        dropout_blocks: Collection[int] = (),
        skips: bool = True,
        upsample: Upsample = "transpose",
        head: Head = "direct",
        start: float = 1.0,
        beside: int = 0,
        activation: Activation = "tanh",
    ) -> None:
        super().__init__()
        self.stride = 2 ** len(channels)
        self._rectified_skips = rectified_skips
        self._skips = skips
        self._start = start if head == "affine" else None
        self.encoder = nn.ModuleList()
        for level, (before, after) in enumerate(zip((in_channels, *channels[:-1]), channels, strict=True), 1):
            normed = level > 1 and (level < len(channels) or innermost_norm)
            bias = bias_before(norm) or (not normed and bias_without_norm)
            down = nn.Conv2d(before + beside, after, 4, stride=2, padding=1, bias=bias)
            self.encoder.append(nn.Sequential(down, make_norm(norm if normed else "none", after)))
        self.bottom = nn.Sequential(*(ResidualBlock(channels[-1], norm=norm) for _ in range(residual_blocks)))
        self.decoder = nn.ModuleList()
        inside = channels[-1]
        for block, after in enumerate(reversed(channels[:-1]), 1):
            up = upsampling_conv(upsample, inside + beside, after, bias=bias_before(norm))
            dropout = [nn.Dropout(0.5)] if block in dropout_blocks else []
            self.decoder.append(nn.Sequential(up, make_norm(norm, after), *dropout))
            inside = 2 * after if skips else after
        self.drawn_channels = out_channels if head == "direct" else coefficient_count(in_channels, out_channels)
        self.out = upsampling_conv(upsample, inside + beside, self.drawn_channels, bias=True)
        self.activate = make_activation(activation)

    def forward(self, source: Tensor, join: Callable[[Tensor], Tensor] = lambda features: features) -> Tensor:
        """Translate (B, in_channels, H, W) in [-1, 1]; ``join`` puts ``beside`` channels to features of any size."""
        return self.apply_to(source, self.draw(source, join))

    def draw(self, source: Tensor, join: Callable[[Tensor], Tensor] = lambda features: features) -> Tensor:
        """What ``apply_to`` makes the output of: colours or coefficients (B, ``drawn_channels``, H, W)."""
        features: list[Tensor] = []
        x = source
        for block in self.encoder:
            x = F.leaky_relu(block(join(x)), SLOPE)
            features.append(x)
        if self._rectified_skips:  # ReLU after leaky ReLU is ReLU
            features = [F.relu(feature) for feature in features]
        x = self.bottom(features.pop())
        for block in self.decoder:
            # Dropout before ReLU, as in the codes, is the same as after it.
            x, skip = F.relu(block(join(x))), features.pop()
            x = torch.cat([x, skip], dim=1) if self._skips else x
        return self.out(join(x))

    def apply_to(self, source: Tensor, drawn: Tensor) -> Tensor:
        """The output (B, out_channels, H, W) for a source in [-1, 1].

        Args:
            source: (B, in_channels, H, W).
            drawn: Of ``draw``, for this source or for a smaller copy of it: it is enlarged bilinearly; the detail of
                ``affine`` is that of the source given here.
        """
        drawn = enlarged(drawn, source)
        return self.activate(drawn if self._start is None else local_affine(drawn, source, start=self._start))

    @property
    def smallest(self) -> int:
        """Least side that it takes: residual blocks mirror borders, and instance norms compare a picture's points."""
        at_bottom = (*self.bottom.modules(), *self.encoder[-1].modules())
        alone = not any(isinstance(module, ResidualBlock | nn.InstanceNorm2d) for module in at_bottom)
        return self.stride if alone else 2 * self.stride

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source does not change the output there, statistics of norms aside."""
        return radius(self, self.stride)

    def reach(self, first: int, last: int) -> tuple[int, int]:
        """First and last source column that the output columns ``first`` to ``last`` depend on, as ``layers.reach``."""
        for _ in self.encoder:  # decoder blocks, as many: both ways of upsampling reach equally far
            first, last = (first - 1) // 2, (last + 1) // 2
        first, last = first - 2 * len(self.bottom), last + 2 * len(self.bottom)
        for _ in self.encoder:
            first, last = 2 * first - 1, 2 * last + 2
        return first, last
