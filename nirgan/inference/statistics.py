"""Statistics of the whole picture for tiles: instance and group norms that normalise every tile alike.

An instance norm divides by the mean and deviation of what it sees. A tile is not the picture, so tiles come out in
different colours. Here the statistics are gathered first, norm by norm: pass k runs every tile up to its k-th norm,
with the norms before it fixed, and adds up what the tiles' cores hold (each pixel of the picture once). The result is
that of the whole picture, not an estimate. It costs one pass per norm, each over the part of the network before that
norm: together about half as many full passes as there are norms (3 to 4 for a U-Net with 8, 12 for a ResNet with 23).

Tried and dropped: gathering all norms in each pass and repeating until nothing changes. The error moves through the
network by one norm a pass and grows on the way (0.2 to 1.0 in between, on ResNets and U-Nets with random weights), so
it needs as many passes, and full ones. Statistics of a reduced picture put outputs off by 0.1 to 0.4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.modules.instancenorm import _InstanceNorm

from nirgan.inference.tiling import Span, Tiles, predict_tiles

Norm = nn.GroupNorm | _InstanceNorm
Predict = Callable[[Tensor, Span, Span], Tensor]


class _Reached(Exception):  # noqa: N818  # no error: the tile has run as far as this pass needs
    """The norm whose statistics are being gathered."""


class _PictureStatistics:
    """What the norms normalise with, by the order in which they are called, and the sums for the next of them."""

    def __init__(self, norms: int) -> None:
        self.norms = norms
        self.total = 0
        """Calls of norms in one run of the networks."""
        self._fixed: list[tuple[Tensor, Tensor]] = []
        self._sums: list[Tensor] | None = None
        self._window: tuple[Span, Span] | None = None
        self._call = 0

    def run(self, predict: Predict, tile: Tensor, row: Span, column: Span) -> Tensor:
        """Run ``predict`` on one tile; stops with ``_Reached`` where a norm has no statistics yet."""
        self._window, self._call = (row, column), 0
        return predict(tile, row, column)

    def count(self, predict: Predict, tile: Tensor, row: Span, column: Span) -> None:
        """Count the norms' calls, with each tile's own statistics."""
        self._window, self._call = None, 0
        predict(tile, row, column)
        self.total = self._call

    def finish_pass(self) -> None:
        """Fix the norm that this pass gathered."""
        assert self._sums is not None, "no tile reached the next norm"
        weight, first, second = self._sums
        mean = first / weight
        self._fixed.append((mean, (second / weight - mean**2).clamp(min=0)))
        self._sums = None

    def normalise(self, norm: Norm, features: Tensor) -> Tensor:
        """Stand in for a norm's ``forward`` on features (B,C,h,w) of the current tile."""
        groups = norm.num_groups if isinstance(norm, nn.GroupNorm) else features.shape[1]
        grouped = features.reshape(features.shape[0], groups, -1, *features.shape[-2:])
        call, self._call = self._call, self._call + 1
        if self._window is None:
            variance, mean = torch.var_mean(grouped.float(), dim=(2, 3, 4), correction=0)
        elif call < len(self._fixed):
            mean, variance = self._fixed[call]
        else:
            sums = _core_sums(grouped, self._window)
            self._sums = sums if self._sums is None else [old + new for old, new in zip(self._sums, sums, strict=True)]
            raise _Reached
        return _apply(norm, features, mean, (variance + norm.eps).rsqrt())


def predict_tiles_alike(predict: Predict, networks: Iterable[nn.Module], padded: Tensor, tiles: Tiles) -> Tensor:
    """``predict_tiles``, with the norms of ``networks`` seeing the whole picture's statistics in every tile."""
    with _fixed_statistics(networks) as statistics:
        if not statistics.norms:
            return predict_tiles(predict, padded, tiles)
        row, column = next(iter(tiles))
        statistics.count(predict, padded[..., row.start : row.stop, column.start : column.stop], row, column)

        def run(tile: Tensor, row: Span, column: Span) -> Tensor:
            return statistics.run(predict, tile, row, column)

        for _ in range(statistics.total):
            for row, column in tiles:
                try:
                    run(padded[..., row.start : row.stop, column.start : column.stop], row, column)
                except _Reached:
                    continue
            statistics.finish_pass()
        return predict_tiles(run, padded, tiles)


def picture_norms(network: nn.Module) -> list[Norm]:
    """Norms that use what they see in eval mode, too: instance norms without running statistics, group norms."""
    return [
        module
        for module in network.modules()
        if isinstance(module, nn.GroupNorm) or (isinstance(module, _InstanceNorm) and not module.track_running_stats)
    ]


def global_layers(network: nn.Module) -> list[str]:
    """Names of layers that mix the whole picture so that tiles cannot share it: pooling to a fixed size, attention."""
    kinds = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.MultiheadAttention)
    return [
        name
        for name, module in network.named_modules()
        if isinstance(module, kinds) or (isinstance(module, nn.LayerNorm) and len(module.normalized_shape) > 1)
    ]


@contextmanager
def _fixed_statistics(networks: Iterable[nn.Module]) -> Iterator[_PictureStatistics]:
    norms = {id(norm): norm for network in networks for norm in picture_norms(network)}
    statistics = _PictureStatistics(len(norms))
    try:
        for norm in norms.values():
            norm.forward = partial(statistics.normalise, norm)  # type: ignore[method-assign]
        yield statistics
    finally:
        for norm in norms.values():
            norm.__dict__.pop("forward", None)


def _apply(norm: Norm, features: Tensor, mean: Tensor, inverse: Tensor) -> Tensor:
    # (x − mean) · inverse · weight + bias as one multiplication and one addition per value.
    batch, channels = features.shape[:2]
    repeats = channels // mean.shape[1]
    mean, scale = mean.repeat_interleave(repeats, dim=1), inverse.repeat_interleave(repeats, dim=1)
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -mean * scale
    if norm.bias is not None:
        shift = shift + norm.bias
    shape = (batch, channels, 1, 1)
    return torch.addcmul(shift.to(features.dtype).view(shape), features, scale.to(features.dtype).view(shape))


def _core_sums(grouped: Tensor, window: tuple[Span, Span]) -> list[Tensor]:
    # Number of values, their sum and the sum of their squares over the core; the sums are (B, G).
    down, across = (
        _coverage(span, cells, grouped.device) for span, cells in zip(window, grouped.shape[-2:], strict=True)
    )
    counts = down[:, None] * across
    wide = grouped.float()
    # Squares of large means cancel in float32; Apple's GPUs have nothing wider.
    dtype = torch.float32 if grouped.device.type == "mps" else torch.float64
    weight = counts.sum(dtype=dtype) * grouped.shape[2]
    first = (wide * counts).sum((2, 3, 4), dtype=dtype)
    second = (wide.square() * counts).sum((2, 3, 4), dtype=dtype)
    return [weight, first, second]


def _coverage(span: Span, cells: int, device: torch.device) -> Tensor:
    # Share of each of a layer's cells that lies in the tile's core: 0 or 1 where cores begin on cells.
    size = (span.stop - span.start) / cells
    edges = span.start + torch.arange(cells + 1, device=device) * size
    inside = edges[1:].clamp(max=span.core_stop) - edges[:-1].clamp(min=span.core_start)
    return inside.clamp(min=0) / size
