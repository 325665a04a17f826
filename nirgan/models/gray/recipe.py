"""Grey, a baseline of Colorful Image Colorization (Zhang, Isola, Efros; ECCV 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from nirgan.models.untrained import Untrained
from nirgan.registry import MODELS

PAPER = "arXiv 1603.08511"


@MODELS.register("gray", paper=PAPER)
class Gray(Untrained):
    """No colour at all: a = b = 0."""

    paper = PAPER

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Zeros (B,2,H,W)."""
        return source.new_zeros(len(source), 2, *source.shape[-2:])
