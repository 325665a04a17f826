"""Mean colour: what lightness alone says about colour."""

from __future__ import annotations

from nirgan.models.mean_color.recipe import MeanColor

__all__ = ["MeanColor"]
