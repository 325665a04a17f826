"""The networks of «Let there be Color!»: local features and one vector for the whole picture, fused at every point."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.layers.activation import Activation, make_activation
from nirgan.layers.fusion import Fusion
from nirgan.layers.norm import Norm, bias_before, make_norm
from nirgan.layers.reach import radius
from nirgan.registry import GENERATORS

PAPER = "10.1145/2897824.2925974"
SIDE = 224
"""Of the square picture from which the global vector comes."""
SIDE_STRIDE = 32
"""What that side is a multiple of: five layers halve it."""


@GENERATORS.register("local-global", paper=PAPER)
class LocalGlobal(nn.Module):
    """Low-level features go two ways, to mid-level features and to a global vector; fused, they are drawn as colours.

    Pictures of any size: the local way goes over all of them; the global one sees them resized to a square. Both begin
    with the same network and, where a picture is that square, with the same features.

    Args:
        in_channels: Of the source.
        out_channels: Of the output.
        width: Channels of the first layer; the widest convolutions have eight times as many.
        side: Of the square, in pixels; a multiple of 32. The first fully connected layer grows with it.
        norm: After every layer but the last: ``batch`` in the paper, ``none`` in the reimplementation.
        half_output: Leave the output at half the sides, as the paper does, and do not enlarge it.

    Shape: (B, in_channels, H, W) to (B, out_channels, H, W) in [0, 1], or half the sides, and scene features
    (B, 8·width, 1, 1); H and W are multiples of 8.
    """

    stride = 8

    def __init__(
        self,
        in_channels: int = 1,
        out_channels: int = 2,
        *,
        width: int = 64,
        side: int = SIDE,
        norm: Norm = "none",
        half_output: bool = False,
    ) -> None:
        super().__init__()
        self.side, self.half_output = side, half_output
        self.low = low_features(in_channels, width, norm=norm)
        self.mid = mid_features(width, 4 * width, norm=norm)
        self.scene = _scene_features(width, side // SIDE_STRIDE, norm=norm)
        self.vector = full_layer(8 * width, 4 * width, norm=norm)
        self.fusion = Fusion(4 * width, 4 * width, 4 * width, bias=bias_before(norm))
        self.fused = nn.Sequential(make_norm(norm, 4 * width), nn.ReLU())
        self.colour = colour_decoder(width, out_channels, norm=norm, half_output=half_output, activation="sigmoid")

    def forward(self, source: Tensor, scene_of: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Colours of a source, and features of its scene for a classifier.

        Args:
            source: (B, in_channels, H, W).
            scene_of: Other pictures (B, in_channels, h, w) from which the global vectors come: their style.
        """
        low = self.low(source)
        seen = source if scene_of is None else scene_of
        square = (self.side, self.side)
        if seen is source and source.shape[-2:] == square:
            scene = self.scene(low)
        else:
            seen = F.interpolate(seen, size=square, mode="bilinear", align_corners=False, antialias=True)
            scene = self.scene(self.low(seen))
        vector = self.vector(scene).flatten(1)
        return self.colour(self.fused(self.fusion(self.mid(low), vector))), scene

    @property
    def radius(self) -> int:
        """Pixels from a point beyond which the source reaches the output there by the global vector alone."""
        enlarged = [nn.Upsample(scale_factor=2)] if self.half_output else []
        return radius(nn.Sequential(self.low, self.mid, self.fusion, self.colour, *enlarged), self.stride)


class SceneClassifier(nn.Sequential):
    """Logits of classes from the features of a scene: two fully connected layers.

    Args:
        features: Channels of the scene's features.
        hidden: Units between the two: 256 in the paper, 400 in the reimplementation.
        classes: How many.
        norm: As of ``LocalGlobal``.

    Shape: (B, features, 1, 1) to (B, classes).
    """

    def __init__(self, features: int, hidden: int, classes: int, *, norm: Norm = "none") -> None:
        super().__init__(full_layer(features, hidden, norm=norm), nn.Conv2d(hidden, classes, 1), nn.Flatten())


def low_features(in_channels: int, width: int, *, norm: Norm = "none") -> nn.Sequential:
    """Six convolutions down to an eighth of the sides and 8·width channels."""
    return nn.Sequential(
        _layer(in_channels, width, stride=2, norm=norm),
        _layer(width, 2 * width, norm=norm),
        _layer(2 * width, 2 * width, stride=2, norm=norm),
        _layer(2 * width, 4 * width, norm=norm),
        _layer(4 * width, 4 * width, stride=2, norm=norm),
        _layer(4 * width, 8 * width, norm=norm),
    )


def mid_features(width: int, out_channels: int, *, norm: Norm = "none") -> nn.Sequential:
    """Two convolutions of low-level features, at their resolution."""
    return nn.Sequential(_layer(8 * width, 8 * width, norm=norm), _layer(8 * width, out_channels, norm=norm))


def colour_decoder(
    width: int, out_channels: int, *, norm: Norm = "none", half_output: bool = False, activation: Activation
) -> nn.Sequential:
    """From 4·width channels at an eighth of the sides to colours, enlarged by nearest neighbours three times.

    With ``half_output`` the last enlargement, which no convolution follows, is left out.
    """
    return nn.Sequential(
        _layer(4 * width, 2 * width, norm=norm),
        nn.Upsample(scale_factor=2),
        _layer(2 * width, width, norm=norm),
        _layer(width, width, norm=norm),
        nn.Upsample(scale_factor=2),
        _layer(width, width // 2, norm=norm),
        nn.Conv2d(width // 2, out_channels, 3, padding=1),
        make_activation(activation),
        *([] if half_output else [nn.Upsample(scale_factor=2)]),
    )


def full_layer(before: int, after: int, *, cells: int = 1, norm: Norm = "none") -> nn.Sequential:
    """A fully connected layer with norm and ReLU: a convolution of all cells × cells there are, to (B, after, 1, 1)."""
    return nn.Sequential(nn.Conv2d(before, after, cells, bias=bias_before(norm)), make_norm(norm, after), nn.ReLU())


def _scene_features(width: int, cells: int, *, norm: Norm) -> nn.Sequential:
    """Four convolutions down to a fourth of the sides of low-level features, two fully connected layers."""
    wide = 8 * width
    return nn.Sequential(
        _layer(wide, wide, stride=2, norm=norm),
        _layer(wide, wide, norm=norm),
        _layer(wide, wide, stride=2, norm=norm),
        _layer(wide, wide, norm=norm),
        full_layer(wide, 2 * wide, cells=cells, norm=norm),
        full_layer(2 * wide, wide, norm=norm),
    )


def _layer(before: int, after: int, *, stride: int = 1, norm: Norm) -> nn.Sequential:
    conv = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=bias_before(norm))
    return nn.Sequential(conv, make_norm(norm, after), nn.ReLU())
