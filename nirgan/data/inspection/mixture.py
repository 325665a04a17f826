"""Whether a near-infrared picture is one, or was made out of the colours of its partner."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

LEAST_FIT = 0.995
LARGEST_RESIDUAL = 0.015
"""Both must hold for a source to count as grey RGB: that its values follow a weighted sum of the colours, as those of
every conversion to grey do, with this correlation at least; and that what is left over is as little as rounding and
JPEG leave, 4 of 255 levels. Of real pairs the median correlation with luminance is 0.4 (country) to 0.95 (urban),
which leaves three tenths of the contrast over and more; 0.995 leaves one tenth. How near single real pairs come is not
measured yet. The second alone would be met by dark pictures, the first alone by those of great contrast."""
_LUMA = np.array([0.299, 0.587, 0.114])
_NOTHING = 1e-12


def mixture(source: Array, target: Array) -> tuple[float, float, float] | None:
    """How far a source (h, w) is a mixture of its target's colours (3, h, w), both in [0, 1] and of the same place.

    Returns:
        Correlation with the luma of ITU-R BT.601; correlation with the best sum a·R + b·G + c·B + d; and the root mean
        square of what that sum leaves over. None if one of the two is of one value.
    """
    spread = np.cov(np.concatenate([source[None], target]).reshape(4, -1))
    own, shared, colours = spread[0, 0], spread[0, 1:], spread[1:, 1:]
    luma = _LUMA @ colours @ _LUMA
    if own < _NOTHING or luma < _NOTHING:
        return None
    explained = min(max(float(shared @ np.linalg.pinv(colours, rcond=1e-9, hermitian=True) @ shared), 0.0), float(own))
    correlation = float(_LUMA @ shared) / float(np.sqrt(own * luma))
    return correlation, float(np.sqrt(explained / own)), float(np.sqrt(own - explained))
