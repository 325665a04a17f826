"""CycleGAN's generator: down to a quarter of the sides, residual blocks, up again."""

from __future__ import annotations

from torch import Tensor, nn

from nirgan.layers.activation import Activation, make_activation
from nirgan.layers.affine import Head, coefficient_count, local_affine
from nirgan.layers.norm import Norm, bias_before, make_norm
from nirgan.layers.reach import radius
from nirgan.layers.residual import ResidualBlock
from nirgan.layers.upsample import Upsample, upsampling_conv
from nirgan.registry import GENERATORS

HALVINGS = 2
OUTER_KERNEL = 7
"""Of the first and the last convolution, which run at full resolution."""


@GENERATORS.register("resnet", paper="arXiv 1703.10593")
class ResNetGenerator(nn.Module):
    """Convolution 7×7, two 3×3 with stride 2, residual blocks, two that double the sides, 7×7, tanh (Johnson et al.).

    Borders of the 7×7 convolutions and of the residual blocks are reflected. There are no skips: detail goes through
    the bottom.

    Args:
        in_channels: Of the source.
        out_channels: Of the output.
        width: Channels of the first layer; the bottom has four times as many.
        residual_blocks: At the bottom; the paper takes 9 for pictures of 256 pixels, 6 for 128.
        norm: After every convolution but the last.
        upsample: ``transpose`` (3×3, as in the paper) or ``resize``.
        head: ``direct``: the last convolution draws the output; ``affine``: it draws an affine function for each pixel
            of the source, whose detail goes on so.
        activation: The last: ``tanh`` for pictures, ``relu`` for features.

    Shape: (B, in_channels, H, W) to (B, out_channels, H, W), in [-1, 1] with tanh; H and W are multiples of ``stride``,
    and at least ``smallest``.
    """

    stride = 2**HALVINGS
    smallest = 2 * stride
    """A reflected border and an instance norm need more than one cell at the bottom."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        width: int = 64,
        residual_blocks: int = 9,
        norm: Norm = "instance",
        upsample: Upsample = "transpose",
        head: Head = "direct",
        activation: Activation = "tanh",
    ) -> None:
        super().__init__()
        self._affine = head == "affine"
        bias = bias_before(norm)

        def outer(before: int, after: int, bias: bool) -> nn.Conv2d:
            return nn.Conv2d(before, after, OUTER_KERNEL, padding=OUTER_KERNEL // 2, padding_mode="reflect", bias=bias)

        body: list[nn.Module] = [outer(in_channels, width, bias), make_norm(norm, width), nn.ReLU()]
        for level in range(HALVINGS):
            before, after = width * 2**level, width * 2 ** (level + 1)
            down = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=bias)
            body += [down, make_norm(norm, after), nn.ReLU()]
        body += [ResidualBlock(width * 2**HALVINGS, norm=norm) for _ in range(residual_blocks)]
        for level in reversed(range(HALVINGS)):
            before, after = width * 2 ** (level + 1), width * 2**level
            up = upsampling_conv(upsample, before, after, bias=bias, kernel=3)
            body += [up, make_norm(norm, after), nn.ReLU()]
        drawn = coefficient_count(in_channels, out_channels) if self._affine else out_channels
        self.body = nn.Sequential(*body, outer(width, drawn, bias=True))
        self.activate = make_activation(activation)

    def forward(self, source: Tensor) -> Tensor:
        """Translate (B, in_channels, H, W) in [-1, 1]."""
        x = self.body(source)
        return self.activate(local_affine(x, source, start=1.0) if self._affine else x)

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source does not change the output there, statistics of norms aside."""
        return radius(self.body, self.stride)
