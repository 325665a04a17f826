"""The bins that a recipe scores best, for pictures of any size, whole and in tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from toy_recipes import BatchToy, build

from nirgan.errors import NirganError
from nirgan.inference.run import rank_bins
from nirgan.inference.tiling import plan_tiles, predict_tiles


class Ranks(BatchToy):
    """Scores bins by their distance to a hundred times the source, on cells of ``cell`` pixels.

    Its halo is a claim: margins of tiles follow from it.
    """

    ranks_bins = True
    cell = 4

    def bin_logits(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        assert source.shape[-2] % self.stride == 0
        levels = F.avg_pool2d(100 * source, self.cell)
        return -(torch.arange(313.0).view(1, -1, 1, 1) - levels).abs()


@pytest.fixture
def source() -> Tensor:
    """A level for each cell of 4×4 pixels: 0.104, 0.114 and so on."""
    levels = torch.arange(8.0 * 12).view(1, 8, 12) % 70 + 10.4
    return (levels / 100).repeat_interleave(4, 1).repeat_interleave(4, 2)


def test_recipes_that_score_none_rank_none(source: Tensor) -> None:
    recipe = build("toy-batch")
    assert rank_bins(recipe, source) is None
    with pytest.raises(NirganError, match="scores no bins"):
        recipe.bin_logits(source[None], {})


def test_the_best_come_first_for_each_pixel_of_a_cell(source: Tensor) -> None:
    ranks = rank_bins(Ranks().eval(), source, most=3)
    assert ranks is not None
    assert ranks.shape == (3, 32, 48)
    first = (100 * source[0]).floor()
    assert torch.equal(ranks.float(), torch.stack([first, first + 1, first - 1]))


def test_sizes_that_fit_no_stride_are_padded(source: Tensor) -> None:
    recipe = Ranks().eval()
    whole, part = rank_bins(recipe, source), rank_bins(recipe, source[:, :30, :45])
    assert whole is not None
    assert part is not None
    assert part.shape == (5, 30, 45)
    assert torch.equal(part[:, :28, :44], whole[:, :28, :44])


@pytest.mark.parametrize(("halo", "side"), [(4, 16), (16, 16)])
def test_tiles_are_cut_not_mixed(source: Tensor, halo: int, side: int) -> None:
    recipe = Ranks().eval()
    whole = rank_bins(recipe, source, tile=0)
    recipe.halo = halo  # of which a tile of 16 pixels carries 4 exactly, and 16 only by fading
    tiled = rank_bins(recipe, source, tile=side)
    assert whole is not None
    assert tiled is not None
    assert torch.equal(tiled, whole)


def test_tiles_that_fade_would_make_numbers_that_nobody_named(source: Tensor) -> None:
    tiles = plan_tiles(32, 48, side=16, stride=4, halo=16)
    assert any(span.fade for span in tiles.rows)
    assert not any(span.fade for span in (*tiles.cut().rows, *tiles.cut().columns))
    numbers = iter(range(len(tiles)))

    def number(tile: Tensor, row: object, column: object) -> Tensor:
        return torch.full_like(tile, float(next(numbers)))

    cut = predict_tiles(number, source[None], tiles.cut())
    assert torch.equal(cut, cut.round())
    assert len(cut.unique()) == len(tiles)


def test_ranks_are_at_the_size_of_the_source(source: Tensor) -> None:
    recipe = Ranks().eval()
    recipe.working_size = 16
    ranks = rank_bins(recipe, source)
    assert ranks is not None
    assert ranks.shape == (5, 32, 48)
