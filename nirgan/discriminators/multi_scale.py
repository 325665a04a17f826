"""Several discriminators, each judging the picture at half the sides of the one before."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from nirgan.registry import DISCRIMINATORS


@DISCRIMINATORS.register("multi-scale", paper="arXiv 1711.11585")
class MultiScaleDiscriminator(nn.Module):
    """One judge per scale, with weights of its own.

    Args:
        judges: Discriminators that give one map each, the finest first.
        halve: Makes the picture of the next scale.

    Shape: (B, C, H, W) to a list of logits, one map per judge.
    """

    def __init__(self, judges: Iterable[nn.Module], *, halve: nn.Module) -> None:
        super().__init__()
        self.judges = nn.ModuleList(judges)
        self.halve = halve

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Logits at each scale; above 0 means real."""
        logits = []
        for scale, judge in enumerate(self.judges):
            pictures = self.halve(pictures) if scale else pictures
            logits.append(judge(pictures))
        return logits
