"""A last layer that keeps the source's detail: local affine functions of the source."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Head = Literal["direct", "affine"]
"""What a generator's last convolution draws: the output itself, or coefficients of an affine function of the source."""


def coefficient_count(in_channels: int, out_channels: int) -> int:
    """Channels that ``local_affine`` needs: an offset and one gain per source channel for each output channel."""
    return out_channels * (1 + in_channels)


def local_affine(coefficients: Tensor, source: Tensor, *, start: float) -> Tensor:
    """Offset plus gains times source, at each pixel: colour transforms that vary over the picture (Gharbi et al. 2017).

    Args:
        coefficients: (B, out·(1 + in), H, W): offsets, then gains.
        source: (B, in, H, W).
        start: Added to the gains, shared by the source's channels: coefficients of zero give ``start`` times its mean.

    Returns:
        (B, out, H, W), not bounded; float32 in mixed precision, too.
    """
    # A gain of a few thousandths added to ``start`` is lost in half precision.
    coefficients = coefficients.float()
    channels = source.shape[1]
    out = coefficients.shape[1] // (1 + channels)
    gains = coefficients[:, out:].unflatten(1, (out, channels)) + start / channels
    return coefficients[:, :out] + (gains * source[:, None]).sum(dim=2)
