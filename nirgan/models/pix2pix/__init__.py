"""pix2pix: conditional GAN with an L1 term for registered pairs."""

from __future__ import annotations

from nirgan.models.pix2pix.recipe import Pix2Pix

__all__ = ["Pix2Pix"]
