"""Grey: a picture without colour, the first baseline of every colouriser."""

from __future__ import annotations

from nirgan.models.gray.recipe import Gray

__all__ = ["Gray"]
