"""The mean of pictures' PSNR, as something to minimise."""

from __future__ import annotations

from torch import Tensor

from nirgan.registry import LOSSES

LEAST = 1e-4
"""Added to the squared error, 40 dB: below it a picture has nothing more to teach."""


@LOSSES.register("log-error")
def log_error(output: Tensor, target: Tensor) -> Tensor:
    """Mean over pictures of log10 of their mean squared error: minus their PSNR in bels, for pictures in [0, 1].

    A mean of errors follows the worst pictures; the mean of PSNRs, which is scored, gives each picture's error the same
    say, whatever its size. Chen et al. 2022 (arXiv 2204.04676) train restoration so.

    Args:
        output: RGB (B,3,H,W) in about [0, 1].
        target: Of the same shape.

    Returns:
        float32 scalar, negative.
    """
    errors = (output.float() - target.float()).square().mean(dim=(1, 2, 3))
    return (errors + LEAST).log10().mean()
