"""A picture's colours apart from its lightness: Lab's a and b, and the bin that each pixel falls into."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nirgan.color import rgb_to_lab
from nirgan.color.ab_bins import nearest_bin
from nirgan.metrics.quantise import to_8_bit

_BAND = 2**16  # pixels at once: distances to 313 bins of a large photograph would take gigabytes


@dataclass(frozen=True)
class Colours:
    """The colours of one picture.

    Attributes:
        ab: (2,H,W) float32, in Lab's units.
        bins: (H,W) int64, the nearest of ``nirgan.color.ab_bins`` to each pixel.
    """

    ab: Tensor
    bins: Tensor


def colours_of(picture: Tensor) -> Colours:
    """The colours of a picture (3,H,W) sRGB in [0, 1], rounded to 8 bits as every score does."""
    rows = max(1, _BAND // picture.shape[-1])
    bands = [rgb_to_lab(band[None])[:, 1:].float() for band in to_8_bit(picture).split(rows, dim=1)]
    bins = [nearest_bin(band) for band in bands]
    return Colours(torch.cat(bands, dim=2)[0], torch.cat(bins, dim=1)[0])
