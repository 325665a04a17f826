"""CycleGAN: unpaired translation with equal networks both ways."""

from __future__ import annotations

from nirgan.models.cyclegan.recipe import CycleGAN

__all__ = ["CycleGAN"]
