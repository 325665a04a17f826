"""What the trainer notices about a translated picture, and what a set of pictures says about the generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

ONE_COLOUR = 0.01
"""Standard deviation within a picture below which it is nearly one colour: two and a half of 256 levels."""
VARIED = 0.03
"""Variation of the truth, or of the sources, from which on outputs are expected to vary."""
SAME = 0.1
"""Outputs that differ among each other by less than this part of what the truth does are the same picture."""
NEGATIVE = -0.3
BELOW_TRUTH = 0.8
"""Outputs are negatives if their correlation with the sources is under ``NEGATIVE`` and so far below the truth's."""


@dataclass(frozen=True)
class Traits:
    """A picture in a few numbers.

    Attributes:
        spread: Standard deviation over the picture, mean over channels.
        likeness: Correlation of its brightness with the source's, -1 to 1; 0 if one of them has no variation.
        thumbnail: (C,8,8), on the CPU.
    """

    spread: float
    likeness: float
    thumbnail: Tensor


@dataclass(frozen=True)
class Look:
    """The traits of a source, its output and, where there is one, its target."""

    source: Traits
    output: Traits
    target: Traits | None

    @property
    def wanted(self) -> Traits:
        """What the output ought to vary like."""
        return self.source if self.target is None else self.target


@torch.no_grad()
def look_at(source: Tensor, output: Tensor, target: Tensor | None) -> Look:
    """Look at one picture.

    Args:
        source: (C,H,W) in [0, 1].
        output: (3,H,W).
        target: (3,H',W'), perhaps of another size where pairs are not registered.
    """
    brightness = _brightness(source)
    some = [None if picture is None else _traits(picture, brightness) for picture in (source, output, target)]
    assert some[0] is not None
    assert some[1] is not None
    return Look(some[0], some[1], some[2])


def collapsed(looks: Sequence[Look]) -> str | None:
    """Words if the outputs have nearly no variation within each picture, or are all the same; else None."""
    spread, wanted = _mean(looks, lambda look: look.output.spread), _mean(looks, lambda look: look.wanted.spread)
    if spread < ONE_COLOUR and wanted > VARIED:
        return f"each output is nearly of one colour (standard deviation {spread:.3f}, wanted are {wanted:.3f})"
    differ = _differences([look.output.thumbnail for look in looks])
    wanted = _differences([look.wanted.thumbnail for look in looks])
    if wanted > VARIED and differ < SAME * wanted:
        return (
            "the outputs are the same for different sources "
            f"(mean difference between two of them {differ:.3f}, wanted are {wanted:.3f})"
        )
    return None


def negative(looks: Sequence[Look]) -> str | None:
    """Words if bright and dark are exchanged, else None.

    Sources may differ from their truth in this, too: infrared shows leaves bright and the sky dark. Where the truth is
    not known, its correlation is taken for 0.
    """
    known = [look.target.likeness for look in looks if look.target is not None]
    truth = sum(known) / len(known) if known else None
    likeness = _mean(looks, lambda look: look.output.likeness)
    if likeness < min(NEGATIVE, (truth or 0.0) - BELOW_TRUTH):
        beside = "" if truth is None else f", that of the truth {truth:.2f}"
        return f"the outputs are negatives (correlation of brightness with the source {likeness:.2f}{beside})"
    return None


def _traits(picture: Tensor, brightness: Tensor) -> Traits:
    own = _brightness(picture)
    norms = own.norm() * brightness.norm()
    likeness = float((own * brightness).sum() / norms) if norms > 1e-6 else 0.0
    thumbnail = F.adaptive_avg_pool2d(picture.float(), 8).cpu()
    return Traits(float(picture.float().flatten(1).std(dim=1, correction=0).mean()), likeness, thumbnail)


def _brightness(picture: Tensor) -> Tensor:
    # 32 x 32: sizes need not agree, and noise is no likeness.
    small = F.adaptive_avg_pool2d(picture.float().mean(dim=0, keepdim=True), 32).cpu()
    return small - small.mean()


def _mean(looks: Sequence[Look], value: Callable[[Look], float]) -> float:
    return sum(value(look) for look in looks) / len(looks)


def _differences(thumbnails: Sequence[Tensor]) -> float:
    """Mean difference between neighbours; 0 for a single picture."""
    pairs = list(pairwise(thumbnails))
    return sum(float((a - b).abs().mean()) for a, b in pairs) / max(1, len(pairs))
