"""How far a chain of layers looks: what tiles need as margin."""

from __future__ import annotations

from torch import nn

from nirgan.layers.upsample import ResizeConv2d


def round_up(size: int, multiple: int) -> int:
    """The smallest multiple that is not below ``size``: of a radius and a stride, the margin of tiles."""
    return -(-size // multiple) * multiple


def radius(chain: nn.Module, stride: int) -> int:
    """Pixels from a point beyond which the input of a chain does not change its output there.

    Statistics of norms are left aside. The output is as large as the input.

    Args:
        chain: Convolutions, enlargements and layers that work on single pixels, in ``Sequential``s, in modules that add
            only the latter to their ``body``, or in modules that have a method ``reach`` like the function here.
        stride: Of the innermost features: positions differ within it, and the farthest counts.
    """
    ends = [(pixel, *reach(chain, pixel, pixel)) for pixel in range(stride)]
    return max(max(pixel - first, last - pixel) for pixel, first, last in ends)


def reach(layer: nn.Module, first: int, last: int) -> tuple[int, int]:
    """First and last input column that the output columns ``first`` to ``last`` depend on, borders aside.

    Raises:
        TypeError: for a composed layer that is not known here.
    """
    if isinstance(layer, nn.Sequential):
        for part in reversed(layer):
            first, last = reach(part, first, last)
        return first, last
    if callable(own := getattr(layer, "reach", None)):  # networks with skips, which are no chain
        return own(first, last)
    if isinstance(body := getattr(layer, "body", None), nn.Module):  # around it: residual blocks' sums, decoders' heads
        return reach(body, first, last)
    if isinstance(layer, ResizeConv2d):  # enlarged first, then convolved 3×3
        return (first - 1) // 2, (last + 1) // 2
    if isinstance(layer, nn.Upsample | nn.PixelShuffle):
        return _enlargement(layer, first, last)
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d | nn.PixelUnshuffle):  # without padding
        side = layer.downscale_factor if isinstance(layer, nn.PixelUnshuffle) else layer.kernel_size
        assert isinstance(side, int)  # one number, the stride too
        return side * first, side * last + side - 1
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return _convolution(layer, first, last)
    if any(layer.children()):
        raise TypeError(f"the reach of {type(layer).__name__} is not known")
    return first, last


def _enlargement(layer: nn.Upsample | nn.PixelShuffle, first: int, last: int) -> tuple[int, int]:
    if isinstance(layer, nn.PixelShuffle):
        return first // layer.upscale_factor, last // layer.upscale_factor
    scale = int(layer.scale_factor)  # type: ignore[arg-type]  # one number
    if layer.mode == "bilinear":  # between the two cells around (column + ½) / scale - ½
        return (2 * first + 1 - scale) // (2 * scale), (2 * last + 1 - scale) // (2 * scale) + 1
    return first // scale, last // scale


def _convolution(layer: nn.Conv2d | nn.ConvTranspose2d, first: int, last: int) -> tuple[int, int]:
    stride, padding = layer.stride[1], int(layer.padding[1])
    span = layer.dilation[1] * (layer.kernel_size[1] - 1)
    if isinstance(layer, nn.ConvTranspose2d):  # column o takes from i where 0 ≤ o + padding − i·stride ≤ span
        return -((span - first - padding) // stride), (last + padding) // stride
    return stride * first - padding, stride * last - padding + span
