from __future__ import annotations

import logging

import pytest
import torch
from toy_recipes import build

from nirgan.errors import NirganError
from nirgan.inference.memory import bytes_per_pixel, peak_bytes
from nirgan.inference.run import resize_short_side, translate_source
from nirgan.models import create_model


@pytest.mark.parametrize("name", ["toy-batch", "toy-instance", "toy-coarse"])
@pytest.mark.parametrize("size", [(n, m) for n in range(1, 10) for m in (1, 4, 9, 17)])
def test_output_has_the_size_of_the_source(name: str, size: tuple[int, int]) -> None:
    for shape in (size, size[::-1]):
        output = translate_source(build(name), torch.rand(1, *shape))
        assert output.shape == (3, *shape)
        assert output.dtype == torch.float32
        assert output.isfinite().all()
        assert 0 <= output.min() <= output.max() <= 1


def test_padding_does_not_shift_the_picture() -> None:
    source = torch.rand(1, 37, 22)
    assert torch.equal(translate_source(build("toy-copy"), source), source.expand(3, -1, -1))


def test_working_size_is_for_predict_alone() -> None:
    recipe, seen = build("toy-copy"), []
    recipe.working_size = 16
    recipe.predict = lambda source, conditions: seen.append(tuple(source.shape[-2:])) or source  # type: ignore
    recipe.compose = lambda source, raw: torch.nn.functional.interpolate(raw, source.shape[-2:]).expand(-1, 3, -1, -1)  # type: ignore
    assert translate_source(recipe, torch.rand(1, 64, 96)).shape == (3, 64, 96)
    assert seen == [(16, 24)]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_no_number_is_no_picture(bad: float) -> None:
    recipe = create_model("colorful", variant="l2", width=4, features=16).eval()
    source = torch.rand(1, 300, 320)
    assert translate_source(recipe, source).shape == (3, 300, 320)
    next(recipe.networks["head"].parameters()).data[0] = bad
    with pytest.raises(NirganError, match="holds NaN"):
        translate_source(recipe, source)


def test_a_line_does_not_become_a_huge_picture() -> None:
    assert resize_short_side(torch.rand(1, 1, 1, 4000), 256).shape[-2:] == (1, 2048)
    assert resize_short_side(torch.rand(1, 1, 512, 1024), 256).shape[-2:] == (256, 512)


def test_no_gradient_is_kept() -> None:
    recipe = build("toy-batch").requires_grad_(True)
    assert not translate_source(recipe, torch.rand(1, 9, 9)).requires_grad


def test_half_precision_recipes_give_float32() -> None:
    recipe, source = build("toy-batch"), torch.rand(1, 40, 40)
    expected = translate_source(recipe, source)
    output = translate_source(recipe.to(torch.bfloat16), source)
    assert output.dtype == torch.float32
    assert (output - expected).abs().max() < 0.05


@pytest.mark.parametrize("shape", [(64, 64), (1, 0, 5), (1, 1, 8, 8)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(NirganError, match="channels, height, width"):
        translate_source(build("toy-batch"), torch.rand(shape))


@pytest.mark.parametrize("tile", [-1, "big", 1.5])
def test_bad_tiles_are_refused(tile: object) -> None:
    with pytest.raises(NirganError, match="tile"):
        translate_source(build("toy-batch"), torch.rand(1, 8, 8), tile=tile)  # type: ignore[arg-type]


def test_conditions_have_defaults_and_are_checked() -> None:
    recipe, source = build("toy-copy"), torch.rand(1, 8, 8) / 2
    plain = translate_source(recipe, source)
    assert torch.equal(plain, translate_source(recipe, source, {"noise": 0.0}))
    assert not torch.equal(plain, translate_source(recipe, source, {"noise": 0.3}))
    with pytest.raises(NirganError, match="did you mean 'noise_seed'"):
        translate_source(recipe, source, {"noise_sed": 1})
    with pytest.raises(NirganError, match="type int"):
        translate_source(recipe, source, {"noise_seed": "one"})


def test_peak_memory_counts_what_lives_at_one_time_and_grows_with_the_picture() -> None:
    picture, weights = torch.rand(1000), torch.rand(70_000)

    def run() -> None:
        kernel = weights * 2 + 1
        kept = (picture + 1) * kernel[:1000]  # 4000 bytes, and the sum goes when the product is there: 8000
        kept.view(10, 100).add_(1)  # a view and an in-place sum take nothing
        del kept
        filled = torch.zeros(500)
        filled.copy_(picture[:500])

    assert peak_bytes(run, picture) == 8000

    def fill() -> None:
        torch.zeros(3000)[:1000].copy_(picture)

    assert peak_bytes(fill, picture) == 12_000


def test_pictures_beyond_the_budget_are_tiled() -> None:
    recipe, seen = build("toy-batch"), []
    source, predict = torch.rand(1, 400, 300), recipe.predict
    whole = translate_source(recipe, source, tile=0)
    cost = bytes_per_pixel(recipe, 1, {})
    recipe.predict = lambda source, conditions: seen.append(source[0, 0].numel()) or predict(source, conditions)  # type: ignore
    tiled = translate_source(recipe, source, budget=int(cost * 100 * 100))
    assert len(seen) > 12
    assert max(seen) <= 100 * 100
    assert (tiled - whole).abs().max() < 1e-5
    seen.clear()
    translate_source(recipe, source, budget=int(cost * 400 * 304))
    assert len(seen) == 1


def test_out_of_memory_halves_the_tiles(caplog: pytest.LogCaptureFixture) -> None:
    recipe = build("toy-batch")
    source, predict = torch.rand(1, 300, 400), recipe.predict
    whole = translate_source(recipe, source, tile=0)

    def small_device(source: torch.Tensor, conditions: dict) -> torch.Tensor:
        if source.shape[-1] > 128:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return predict(source, conditions)

    recipe.predict = small_device  # type: ignore[assignment]
    with caplog.at_level(logging.WARNING):
        assert (translate_source(recipe, source) - whole).abs().max() < 1e-5
    assert "tiles of 100 px" in caplog.text
    for tile in (0, 256):
        with pytest.raises(NirganError, match=r"out of memory .*--tile auto"):
            translate_source(recipe, source, tile=tile)


def test_other_errors_are_not_taken_for_lack_of_memory() -> None:
    recipe = build("toy-batch")

    def broken(source: torch.Tensor, conditions: dict) -> torch.Tensor:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    recipe.predict = broken  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="mat1"):
        translate_source(recipe, torch.rand(1, 8, 8))
