"""SC-GAN: a branch per colour channel, noise in every layer, three losses whose weights sum to one."""

from __future__ import annotations

from nirgan.models.sc_gan.recipe import ScGan

__all__ = ["ScGan"]
