"""Cross-entropy of whole pictures' classes, some of which nobody knows."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from nirgan.registry import LOSSES

UNKNOWN = -1
"""Class of a picture whose class is not known."""


@LOSSES.register("class-cross-entropy")
def class_cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    """Mean of -log softmax(logits)[class] over the pictures with a known class.

    Args:
        logits: (B, K).
        classes: (B,) int64; ``UNKNOWN`` does not count.

    Returns:
        float32 scalar in nats; 0, with a gradient of 0, where no class is known.
    """
    total = F.cross_entropy(logits.float(), classes, ignore_index=UNKNOWN, reduction="sum")
    return total / (classes != UNKNOWN).sum().clamp(min=1)
