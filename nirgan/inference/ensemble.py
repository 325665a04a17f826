"""Self-ensemble: the mean answer to a picture and to its mirror images and rotations, each turned back.

A network that was shown crops and their mirror images answers both alike, but not quite: the mean is nearer to what it
means (Timofte et al. 2016 for super-resolution, arXiv 1511.02228, who take all eight). Turned pictures are pictures of
their own: padded, tiled and, where a recipe has a working size, answered as pictures of their width and height are.

What a recipe is told besides the source goes along. What lies in the picture, as hints do, is turned with it. A noise
seed is the same for each; noise that is drawn for each pixel lies on the turned picture, so that its mean is weaker
than one drawing of it, and noise that is drawn for a whole picture is the same in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nirgan.errors import NirganError
from nirgan.inference.maps import change_maps

MIRRORED = 2
"""Symmetries that ``--ensemble`` takes if no number is named: a model that never saw the sky below answers pictures
that stand on their heads worse than it gains by the mean (a decibel less on real NIR scenes)."""
NUMBERS = (1, 2, 4, 8)
"""How many symmetries can be taken: none but the picture itself, its mirror image, all flips, rotations too."""

Predict = Callable[[Tensor, Mapping[str, Any]], Tensor]
"""From a picture (1,C,H,W) and its conditions, drawn as large as it is, to the raw answer (1,K,H,W)."""


@dataclass(frozen=True)
class Symmetry:
    """A way to lay a picture on its grid: flipped along some axes, and then perhaps with its axes exchanged."""

    flipped: tuple[int, ...]
    transposed: bool = False

    def turn(self, picture: Tensor) -> Tensor:
        """The picture (…,H,W) laid this way: (…,H,W), or (…,W,H) if its axes are exchanged."""
        turned = torch.flip(picture, self.flipped)
        return turned.transpose(-2, -1).contiguous() if self.transposed else turned

    def back(self, answer: Tensor) -> Tensor:
        """What was answered to a turned picture, as the picture itself lies."""
        upright = answer.transpose(-2, -1) if self.transposed else answer
        return torch.flip(upright, self.flipped)


SYMMETRIES = tuple(
    Symmetry(flipped, transposed) for transposed in (False, True) for flipped in ((), (-1,), (-2,), (-2, -1))
)
"""All eight of the square. The first 2, 4 and 8 are closed under composition: the mean turns with the picture."""


def check_ensemble(number: int) -> int:
    """The number of symmetries, if there is such an ensemble.

    Raises:
        NirganError: if there is not.
    """
    if isinstance(number, bool) or number not in NUMBERS:
        raise NirganError(
            f"an ensemble of {number!r} symmetries: there are 1 (the picture alone), 2 (and mirrored), "
            "4 (all flips) and 8 (and rotated by 90°)"
        )
    return number


def parse_ensemble(wanted: bool, symmetries: int | None) -> int:
    """``--ensemble`` and ``--symmetries N`` as typed on a command line: the second says the first by itself.

    Raises:
        NirganError: as ``check_ensemble``, and for one, which is none.
    """
    if symmetries == 1:
        raise NirganError("--symmetries 1 is no ensemble: give 2, 4 or 8, or leave it out")
    if symmetries is not None:
        return check_ensemble(symmetries)
    return MIRRORED if wanted else 1


def mean_over_symmetries(predict: Predict, picture: Tensor, conditions: Mapping[str, Any], number: int) -> Tensor:
    """The mean of the raw answers to a picture in its first ``number`` symmetries, each turned back.

    The sum so far is held while the next answer is made: memory is that of one prediction and one raw answer.

    Args:
        predict: What answers.
        picture: (1,C,H,W).
        conditions: By name; drawn maps (1,K,H,W) are turned with the picture.
        number: 1, 2, 4 or 8; as many predictions are made.

    Raises:
        NirganError: for any other number.
    """
    others = SYMMETRIES[1 : check_ensemble(number)]  # the first leaves the picture as it is
    total = predict(picture, conditions)
    for symmetry in others:
        turned = predict(symmetry.turn(picture), change_maps(conditions, symmetry.turn))
        total = total + symmetry.back(turned)
    return total / number if others else total
