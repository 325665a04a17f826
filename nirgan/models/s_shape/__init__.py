"""S-shape network: two networks in a row, trained by squared error on registered pairs."""

from __future__ import annotations

from nirgan.models.s_shape.recipe import SShape

__all__ = ["SShape"]
