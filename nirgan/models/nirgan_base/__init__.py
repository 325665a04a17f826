"""nirgan-base: the house recipe, for NIR and for grey pictures."""

from __future__ import annotations

from nirgan.models.nirgan_base.recipe import NirganBase

__all__ = ["NirganBase"]
