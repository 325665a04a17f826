"""What recipes share that colour a grey picture and keep its lightness."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from nirgan.color.gamut import keep_lightness
from nirgan.color.guided import upsample_guided
from nirgan.color.lab import rgb_to_lab
from nirgan.models.recipe import Recipe, Task


class KeepsLightness(Recipe):
    """Base of recipes for ``gray2rgb`` whose raw output is Lab's a and b at working size, in Lab's own units.

    ``forward`` puts into the views, besides what the recipe's own terms read: ``lightness`` L*/100 (B,1,h,w), ``ab``
    the predicted and ``target_ab`` the true colours (B,2,h,w), all three at one size, in Lab's units and
    differentiable: what a discriminator can be shown, whatever the recipe's own loss is.

    NIR is refused (``tasks``): it is no lightness, and keeping it would keep what NIR shows in place of it.
    """

    tasks: ClassVar[tuple[Task, ...]] = ("gray2rgb",)
    lambda_adversarial: float = 0.1
    """Weight of a discriminator's term beside the recipe's own, where none is given."""
    only_points: str = ""
    """What to do where the views hold single points (B,·,1,N), which no discriminator can judge; else empty."""
    judged_alone: bool = False
    """Whether a discriminator stands in place of the recipe's own terms where colours are drawn."""

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """RGB of the source's own lightness; colours are enlarged along its edges, and kept within sRGB."""
        return keep_lightness(source, upsample_guided(raw, source))


def true_ab(batch: Mapping[str, Any]) -> Tensor:
    """Lab's a and b (B,2,H,W) of a batch's targets."""
    return rgb_to_lab(batch["target"].float())[:, 1:]
