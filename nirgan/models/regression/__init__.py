"""regression: a U-Net with L1 and SSIM alone, the baseline without a discriminator."""

from __future__ import annotations

from nirgan.models.regression.recipe import Regression

__all__ = ["Regression"]
