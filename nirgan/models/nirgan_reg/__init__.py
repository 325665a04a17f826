"""nirgan-reg: a paired recipe that tolerates misaligned pairs, by a registration network that learns the warp."""

from __future__ import annotations

from nirgan.models.nirgan_reg.recipe import Registration, with_registration

__all__ = ["Registration", "with_registration"]
