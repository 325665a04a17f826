"""Real-Time User-Guided Image Colorization: colours, and hints where to take them from."""

from __future__ import annotations

from nirgan.models.siggraph17.recipe import UserGuidedColorization

__all__ = ["UserGuidedColorization"]
