"""Sample grids: one row per picture, source | output | target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.color import lightness_to_gray
from nirgan.data.convert import from_unit

_GAP_PX = 4


@dataclass(frozen=True)
class Row:
    """One picture: source (C,H,W), output (3,H,W) and, where there is one, target (3,H,W), all in [0, 1]."""

    source: Tensor
    output: Tensor
    target: Tensor | None


def sample_grid(rows: Sequence[Row], task: str, *, height: int = 256) -> np.ndarray:
    """Draw rows under each other, every picture ``height`` pixels high.

    Args:
        rows: At least one.
        task: ``gray2rgb`` shows the source, which is lightness, as the grey picture that it is the lightness of.
        height: Of a picture; smaller ones keep their size.

    Returns:
        (H,W,3) uint8 RGB.
    """
    drawn = [_draw(row, task, height) for row in rows]
    width = max(strip.shape[-1] for strip in drawn)
    padded = [F.pad(strip, (0, width - strip.shape[-1], 0, _GAP_PX), value=1.0) for strip in drawn]
    whole = torch.cat(padded, dim=1)[:, :-_GAP_PX]
    return from_unit(whole.numpy(), 8)  # the levels that `translate` writes


def _draw(row: Row, task: str, height: int) -> Tensor:
    pictures = [_shown(row.source.cpu(), task), row.output.cpu()]
    if row.target is not None:
        pictures.append(row.target.cpu())
    height = min(height, row.source.shape[1])
    strips = [F.pad(_fit(picture, height), (0, _GAP_PX), value=1.0) for picture in pictures]
    return torch.cat(strips, dim=2)[..., :-_GAP_PX]


def _shown(source: Tensor, task: str) -> Tensor:
    if len(source) == 3:
        return source
    first = source[:1].float()
    return (lightness_to_gray(first) if task == "gray2rgb" else first).expand(3, -1, -1)


def _fit(picture: Tensor, height: int) -> Tensor:
    if picture.shape[1] == height:
        return picture
    width = max(1, round(picture.shape[2] * height / picture.shape[1]))
    return F.interpolate(picture[None], size=(height, width), mode="bilinear", antialias=True, align_corners=False)[0]
