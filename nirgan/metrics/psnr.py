"""Peak signal-to-noise ratio, as it is and with exposure taken out."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import peak_signal_noise_ratio


def psnr(output: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB of each picture: 10 · log10(1 / MSE), the error averaged over channels and pixels.

    Args:
        output: (N, C, H, W) in [0, 1].
        target: The truth, alike.

    Returns:
        (N,) float64; infinite where the two are equal.
    """
    # Without `dim` torchmetrics pools the error over the batch, which is another number (2 dB on the VCIP test set).
    return peak_signal_noise_ratio(output.double(), target.double(), data_range=1.0, dim=(1, 2, 3), reduction="none")


def psnr_gain(output: Tensor, target: Tensor) -> Tensor:
    """PSNR in dB after the one gain per picture that brings the output nearest to the truth.

    No near-infrared picture holds the exposure of the colour picture; this score does not ask for it. The gain is
    fitted before clipping, on sRGB values; the product is clipped to [0, 1] and not rounded to 8 bits again.

    Args:
        output: (N, C, H, W) in [0, 1].
        target: The truth, alike.

    Returns:
        (N,) float64; infinite where a gain makes the two equal.
    """
    gain = best_gain(output, target).view(-1, 1, 1, 1)
    return psnr((gain * output.double()).clamp(0, 1), target)


def best_gain(output: Tensor, target: Tensor) -> Tensor:
    """Gain g of each picture that minimises ‖g · output − target‖²: (N,) float64, 1 where the output is black."""
    output, target = output.double().flatten(1), target.double().flatten(1)
    energy = output.square().sum(dim=1)
    return torch.where(energy > 0, (output * target).sum(dim=1) / energy, torch.ones_like(energy))
