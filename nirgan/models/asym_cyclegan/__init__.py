"""Asymmetric CycleGAN: unpaired NIR to RGB with a larger network on the harder side."""

from __future__ import annotations

from nirgan.models.asym_cyclegan.recipe import AsymCycleGAN

__all__ = ["AsymCycleGAN"]
