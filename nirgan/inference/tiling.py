"""Cut a picture into tiles that overlap, and put the answers together without seams.

Two ways, one layout. Where a tile can carry the whole halo, each answer is cut to the tile's core: the result then
equals the whole picture's. Where it cannot, neighbours are cross-faded; at the picture's own border nothing fades.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.errors import NirganError
from nirgan.layers.reach import round_up

_EXACT_SHARE = 3
"""A halo may take a third of a tile's side at each end: a core keeps a third, the work grows 9-fold at most."""
_FADED_SHARE = 4
"""A margin that is not enough for exact tiles takes a quarter at each end: the work grows 4-fold."""


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in pixels of the padded picture.

    Attributes:
        start: Where the tile begins.
        stop: Where it ends.
        core_start: Where its core begins; the cores share out the axis.
        core_stop: Where its core ends.
        fade: Pixels on either side of a core's inner border over which neighbours are cross-faded, 0 for a cut.
    """

    start: int
    stop: int
    core_start: int
    core_stop: int
    fade: int = 0

    def weight(self, places: Tensor, end: int) -> Tensor:
        """How much the tile counts at pixel centres ``places`` on an axis that stops at ``end``, not normalised."""
        rise = self._ramp(places - self.core_start) if self.core_start > 0 else torch.ones_like(places)
        fall = self._ramp(self.core_stop - places) if self.core_stop < end else torch.ones_like(places)
        return rise * fall

    def _ramp(self, inside: Tensor) -> Tensor:
        if self.fade == 0:
            return (inside > 0).to(inside.dtype)
        return ((inside + self.fade) / (2 * self.fade)).clamp(0, 1)


@dataclass(frozen=True)
class Tiles:
    """The rows and columns of tiles that cover a picture."""

    rows: tuple[Span, ...]
    columns: tuple[Span, ...]
    exact: bool
    """Every tile carries the whole halo, so that its core is what the whole picture would give."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width that the picture is padded to."""
        return self.rows[-1].stop, self.columns[-1].stop

    def cut(self) -> Tiles:
        """The same tiles, each for its core alone: for answers that cannot be mixed, as numbers of classes."""
        rows, columns = (tuple(replace(span, fade=0) for span in spans) for spans in (self.rows, self.columns))
        return replace(self, rows=rows, columns=columns)

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[Span, Span]]:
        return ((row, column) for row in self.rows for column in self.columns)


def plan_tiles(height: int, width: int, *, side: int, stride: int, halo: int) -> Tiles:
    """Lay tiles of at most ``side`` pixels over a picture of ``height`` by ``width``.

    All tiles have one size, a multiple of the stride and at least one stride, and are spread evenly. They begin on
    multiples of the stride, because only shifts by whole strides leave ``predict``'s answer as it is. Tiles too small
    to overlap that way begin anywhere; they are cross-faded in any case.
    """
    side = max(side // stride, 1) * stride
    margin, fits = round_up(halo, stride), round_up(halo, stride) <= side // _EXACT_SHARE
    grid = stride
    if not fits:
        margin = side // _FADED_SHARE
        grid = stride if margin >= stride else 1
        margin -= margin % grid
    # A quarter of the margin fades, the rest is context, because a tile is worst at its edge: fading over half of it
    # leaves 6 times the difference to the whole picture (measured on a small network with tiles of 2.5 halos).
    fade = 0 if fits else -(-margin // 4)
    rows, columns = (_spans(size, side, stride, margin, grid, fade) for size in (height, width))
    return Tiles(rows, columns, exact=fits or len(rows) * len(columns) == 1)


def _spans(size: int, side: int, stride: int, margin: int, grid: int, fade: int) -> tuple[Span, ...]:
    if size <= side:
        whole = round_up(size, stride)
        return (Span(0, whole, 0, whole),)
    size = round_up(size, grid)
    count = -(-(size - 2 * margin) // (side - 2 * margin))
    starts = [i * ((size - side) // grid) // (count - 1) * grid for i in range(count)]
    # Two neighbours meet in the middle of their overlap, which is at least two margins wide.
    meets = [after + (before + side - after) // 2 // grid * grid for before, after in pairwise(starts)]
    borders = [0, *meets, size]
    return tuple(Span(start, start + side, borders[i], borders[i + 1], fade) for i, start in enumerate(starts))


def predict_tiles(predict: Callable[[Tensor, Span, Span], Tensor], padded: Tensor, tiles: Tiles) -> Tensor:
    """Run ``predict(tile, row, column)`` on each tile of ``padded`` (1,C,H,W); together (1,K,H,W) or coarser.

    Raises:
        NirganError: if the answer to a tile is no picture of it (one value for the whole, say).
    """
    canvas: Tensor | None = None
    factor = 1
    height, width = tiles.size
    weights = [_weights(spans, end, padded.device) for spans, end in ((tiles.rows, height), (tiles.columns, width))]
    for index, (row, column) in enumerate(tiles):
        tile = padded[..., row.start : row.stop, column.start : column.stop]
        raw = predict(tile, row, column)
        if not tiles.exact:  # such tiles may begin between two cells of a coarse answer
            raw = resize_to(raw, tile)
        if canvas is None:
            factor = _factor(tile, raw)
            canvas = raw.new_zeros(raw.shape[0], raw.shape[1], height // factor, width // factor)
        down, across = (weights[0][index // len(tiles.columns)], weights[1][index % len(tiles.columns)])
        weight = (down[:, None] * across)[::factor, ::factor].to(raw.dtype)
        canvas[..., row.start // factor : row.stop // factor, column.start // factor : column.stop // factor] += (
            raw * weight
        )
    assert canvas is not None  # a picture has at least one tile
    return canvas


def resize_to(raw: Tensor, source: Tensor) -> Tensor:
    """Bring a coarse answer (B,K,h,w) to its source's size (B,C,H,W) by bilinear interpolation."""
    if raw.shape[-2:] == source.shape[-2:]:
        return raw
    return F.interpolate(raw, size=source.shape[-2:], mode="bilinear", align_corners=False)


def _weights(spans: tuple[Span, ...], end: int, device: torch.device) -> list[Tensor]:
    # Normalised on each axis: a tile's weight is the product of its two, so the sum over all tiles is one everywhere.
    places = torch.arange(end, device=device, dtype=torch.float32) + 0.5
    weights = [torch.zeros(end, device=device) for _ in spans]
    for weight, span in zip(weights, spans, strict=True):
        weight[span.start : span.stop] = span.weight(places[span.start : span.stop], end)
    total = torch.stack(weights).sum(0)
    return [(weight / total)[span.start : span.stop] for weight, span in zip(weights, spans, strict=True)]


def _factor(tile: Tensor, raw: Tensor) -> int:
    factor = tile.shape[-2] // max(raw.shape[-2], 1)
    if factor < 1 or any(raw.shape[i] * factor != tile.shape[i] for i in (-2, -1)):
        raise NirganError(
            f"this model's answer to a {tile.shape[-1]}×{tile.shape[-2]} tile is {raw.shape[-1]}×{raw.shape[-2]}: "
            "no picture to put together from tiles; use --tile 0"
        )
    return factor
