"""Learning Representations for Automatic Colorization: histograms of hue and chroma from hypercolumns."""

from __future__ import annotations

from nirgan.models.larsson.recipe import Larsson

__all__ = ["Larsson"]
