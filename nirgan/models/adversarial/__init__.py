"""A house discriminator for every recipe that keeps lightness."""

from __future__ import annotations

from nirgan.models.adversarial.recipe import Adversarial, with_discriminator

__all__ = ["Adversarial", "with_discriminator"]
