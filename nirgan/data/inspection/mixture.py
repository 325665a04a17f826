"""Whether a near-infrared picture is one, or was made out of the colours of its partner."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LEAST_FIT = 0.995
LARGEST_RESIDUAL = 0.015
"""Both must hold for a source to count as grey RGB: that its values follow a weighted sum of the colours, as those of
every conversion to grey do, with this correlation at least; and that what is left over is as little as rounding and
JPEG leave, 4 of 255 levels. Of 357 real pairs (RGB-NIR Scene and its VCIP crops, JPEG) none comes near in both: of
those with a correlation of 0.99 the least leaves 0.022 over, of those that leave 0.015 over the best has 0.984, a
pyramid before a plain sky. Of 28 colour pictures made grey, all are told (by luma, mean, L*, one channel), 27 after
JPEG of quality 75 and 20 of quality 50; equalised ones are not."""
_LUMA = np.array([0.299, 0.587, 0.114])
_NOTHING = 1e-12


def mixture(source: Array, target: Array) -> tuple[float, float, float] | None:
    """How far a source (h, w) is a mixture of its target's colours (3, h, w), both in [0, 1] and of the same place.

    Returns:
        Correlation with the luma of ITU-R BT.601; correlation with the best sum a·R + b·G + c·B + d, where a, b and c
        are not negative; and the root mean square of what that sum leaves over. None if one of the two is of one value.
    """
    spread = np.cov(np.concatenate([source[None], target]).reshape(4, -1))
    own, shared, colours = spread[0, 0], spread[0, 1:], spread[1:, 1:]
    luma = _LUMA @ colours @ _LUMA
    if own < _NOTHING or luma < _NOTHING:
        return None
    explained = min(_explained(shared, colours), float(own))
    correlation = float(_LUMA @ shared) / float(np.sqrt(own * luma))
    return correlation, float(np.sqrt(explained / own)), float(np.sqrt(own - explained))


def _explained(shared: Array, colours: Array) -> float:
    """Largest variance that a sum with no negative weight explains: such weights are the best of their own colours.

    A negative weight is the difference of two colours, which dark skies of near-infrared are like, and grey never is.
    """
    best = 0.0
    for chosen in (list(some) for count in (1, 2, 3) for some in combinations(range(3), count)):
        inverse = np.linalg.pinv(colours[np.ix_(chosen, chosen)], rcond=1e-9, hermitian=True)
        weights = inverse @ shared[chosen]
        if (weights >= 0).all():
            best = max(best, float(shared[chosen] @ weights))
    return best
