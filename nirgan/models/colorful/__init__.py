"""Colorful Image Colorization: the colour of each place as one of 313 classes."""

from __future__ import annotations

from nirgan.models.colorful.recipe import ColorfulColorization

__all__ = ["ColorfulColorization"]
