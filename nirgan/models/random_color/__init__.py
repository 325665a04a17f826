"""Random colour: that of another picture."""

from __future__ import annotations

from nirgan.models.random_color.recipe import RandomColor

__all__ = ["RandomColor"]
