"""UNIT: two variational auto-encoders that share their code, with a discriminator each, for unpaired data."""

from __future__ import annotations

from nirgan.models.unit.recipe import Unit

__all__ = ["Unit"]
