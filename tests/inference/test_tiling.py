from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_recipes import build

from nirgan.errors import NirganError
from nirgan.inference.predict import parse_tile
from nirgan.inference.run import translate_source
from nirgan.inference.tiling import plan_tiles, predict_tiles
from nirgan.models.recipe import ORIGIN


@settings(max_examples=60, deadline=None)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    side=st.integers(1, 200),
    stride=st.sampled_from([1, 2, 4, 16, 64]),
    halo=st.integers(0, 80),
)
def test_layout_always_covers_and_stays_inside(height: int, width: int, side: int, stride: int, halo: int) -> None:
    tiles = plan_tiles(height, width, side=side, stride=stride, halo=halo)
    padded = tiles.size
    assert padded[0] >= height
    assert padded[1] >= width
    for spans, end in ((tiles.rows, padded[0]), (tiles.columns, padded[1])):
        assert [span.core_start for span in spans] == [0, *(span.core_stop for span in spans[:-1])]
        assert spans[-1].core_stop == end
        for span in spans:
            assert 0 <= span.start <= span.core_start < span.core_stop <= span.stop <= end
            assert (span.stop - span.start) % stride == 0
            assert span.stop - span.start <= max(side, stride)
            if tiles.exact:
                assert span.start % stride == span.core_start % stride == 0
                assert span.core_start - span.start >= min(halo, span.core_start)
                assert span.stop - span.core_stop >= min(halo, end - span.core_stop)
    source = torch.rand(1, 1, *padded)
    together = predict_tiles(lambda tile, *_: tile, source, tiles)  # weights add up to one at every pixel
    assert torch.allclose(together, source, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(150, 203), (64, 200), (1, 300), (97, 61)])
def test_tiles_equal_the_whole_picture(height: int, width: int) -> None:
    recipe, source = build("toy-batch"), torch.rand(1, height, width)
    whole = translate_source(recipe, source, tile=0)
    assert whole.std() > 0.01
    assert (translate_source(recipe, source, tile=64) - whole).abs().max() < 1e-5


def test_the_halo_is_needed() -> None:
    recipe, source = build("toy-batch"), torch.rand(1, 128, 192)
    recipe.halo = 0  # a lie: then tiles stand side by side and seams show
    assert (translate_source(recipe, source, tile=64) - translate_source(recipe, source, tile=0)).abs().max() > 1e-3


def test_small_tiles_are_cross_faded_to_nearly_the_whole_picture() -> None:
    recipe, source = build("toy-batch"), torch.rand(1, 144, 192)
    whole, faded = translate_source(recipe, source, tile=0), translate_source(recipe, source, tile=40)
    recipe.halo = 0
    cut = translate_source(recipe, source, tile=40)
    assert 0 < (faded - whole).abs().mean() < 0.1 * (cut - whole).abs().mean()


@pytest.mark.parametrize("tile", [8, 32, 64, 200])
@pytest.mark.parametrize(("height", "width"), [(100, 130), (5, 130), (1, 1), (33, 31)])
def test_a_constant_answer_stays_constant_everywhere(tile: int, height: int, width: int) -> None:
    output = translate_source(build("toy-constant"), torch.rand(1, height, width), tile=tile)
    expected = torch.tensor([0.2, 0.5, 0.9]).view(3, 1, 1).expand(3, height, width)
    assert torch.allclose(output, expected, atol=1e-6)


def test_a_recipe_with_its_own_tile_size_gets_tiles_of_that_size() -> None:
    recipe, seen = build("toy-batch"), []
    recipe.tile = 64
    predict = recipe.predict
    recipe.predict = lambda source, conditions: seen.append(tuple(source.shape[-2:])) or predict(source, conditions)  # type: ignore
    translate_source(recipe, torch.rand(1, 70, 130))
    assert set(seen) == {(64, 64)}


def test_a_tile_is_told_where_it_begins() -> None:
    recipe = build("toy-batch")
    seen = []

    def predict(source: torch.Tensor, conditions: dict) -> torch.Tensor:
        row, column = conditions[ORIGIN]
        seen.append((row, column))
        rows, columns = (
            start + torch.arange(size) for start, size in zip((row, column), source.shape[-2:], strict=True)
        )
        return (1000.0 * rows[:, None] + columns).expand(1, 3, -1, -1)

    recipe.predict, recipe.compose = predict, lambda source, raw: raw  # type: ignore[method-assign]
    source = torch.rand(1, 150, 203)
    whole, tiled = (translate_source(recipe, source, tile=tile) for tile in (0, 64))
    assert seen[0] == (0, 0)
    assert len(set(seen)) > 4
    assert torch.equal(whole, tiled)


@pytest.mark.parametrize("tile", [0, 16, 24])
def test_coarse_answers_are_put_where_they_belong(tile: int) -> None:
    # Columns 0…15 of a 6×26 picture are black, the rest white: blocks of 4×4 are all of one or the other.
    source = torch.zeros(1, 6, 26)
    source[..., 16:] = 1
    output = translate_source(build("toy-coarse"), source, tile=tile)
    blocks = torch.nn.functional.avg_pool2d(torch.nn.functional.pad(source[None], (0, 2, 0, 2), mode="replicate"), 4)
    expected = torch.nn.functional.interpolate(blocks, scale_factor=4, mode="bilinear")[0, 0, :6, :26]
    assert torch.allclose(output[0], expected, atol=1e-6)


def test_tiles_are_typed_as_auto_or_pixels() -> None:
    assert [parse_tile(text) for text in ("auto", "0", "512")] == ["auto", 0, 512]
    for text in ("", "-1", "1.5", "small", "²"):
        with pytest.raises(NirganError, match="--tile is"):
            parse_tile(text)
