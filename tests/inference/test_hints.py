"""Conditions that lie in the picture: through resizing, padding and tiles, for one picture and for many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from toy_recipes import BatchToy, Toy

from nirgan import Hint
from nirgan.errors import NirganError
from nirgan.inference import Translator, translate_files
from nirgan.inference.conditions import parse_conditions, resolve_conditions
from nirgan.inference.memory import bytes_per_pixel
from nirgan.inference.run import translate_source
from nirgan.models.hints import HINTS, Hints
from nirgan.models.weights import WeightsInfo

RED = "#ff0000"


class Hinted(BatchToy):
    """Sees the hints beside the source."""

    conditions = (HINTS,)

    def build(self, channels: int) -> nn.Module:
        return super().build(channels + 3)

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        hints = conditions.get("hints")
        if hints is None:
            hints = source.new_zeros(len(source), 3, *source.shape[-2:])
        assert hints.dtype == source.dtype
        return super().predict(torch.cat([source, hints[:, :2] / 100, hints[:, 2:]], dim=1), conditions)


class Shown(Toy):
    """Answers where the hints are."""

    conditions = (HINTS,)
    stride = 8

    def build(self, channels: int) -> nn.Module:
        return nn.Conv2d(channels, 3, 1)

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        hints = conditions["hints"]
        assert hints.shape[-2:] == source.shape[-2:]
        return hints[:, 2:].expand(-1, 3, -1, -1)

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        return F.interpolate(raw, size=source.shape[-2:], mode="nearest-exact")


def hinted() -> Hinted:
    return Hinted().eval().requires_grad_(False)  # type: ignore[return-value]


def translator(recipe: Toy, **given: Any) -> Translator:
    return Translator(recipe, WeightsInfo(model="toy", task="nir2rgb"), **given)


def picture(path: Path, height: int = 40, width: int = 60) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
    cv2.imwrite(str(path), pixels)
    return path


# --- one picture ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("working_size", [None, 20, 64])
@pytest.mark.parametrize("size", [(40, 60), (41, 67)])
def test_hints_land_where_they_were_put_at_any_working_size(working_size: int | None, size: tuple[int, int]) -> None:
    recipe = Shown().eval()
    recipe.working_size = working_size
    shown = translate_source(recipe, torch.rand(1, *size), {"hints": [Hint(50, 11, RED, radius=4)]})[0]
    assert shown.shape == size
    assert shown[11, 50] == 1
    rows, columns = shown.any(1).nonzero().flatten(), shown.any(0).nonzero().flatten()
    blur = 0 if working_size is None else max(1.0, size[0] / working_size)  # pixels of the working size
    assert float(rows.float().mean()) == pytest.approx(11, abs=blur)
    assert float(columns.float().mean()) == pytest.approx(50, abs=blur)
    assert len(rows) == pytest.approx(9, abs=2 * blur)


@pytest.mark.parametrize("size", [(150, 203), (97, 61), (20, 300)])
def test_tiles_with_hints_equal_the_whole_picture(size: tuple[int, int]) -> None:
    recipe, source = hinted(), torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    height, width = size
    spots = [(0, 0), (width - 1, height - 1), (width // 2, height // 2), (31, 5), (32, 19)]
    told = {"hints": [Hint(x, y, RED, radius=2) for x, y in spots]}
    whole, tiled = (translate_source(recipe, source, told, tile=tile) for tile in (0, 64))
    assert (whole - tiled).abs().max() < 1e-5
    assert (whole - translate_source(recipe, source)).abs().max() > 1e-2


def test_no_hints_are_no_map() -> None:
    recipe, source = hinted(), torch.rand(1, 30, 41)
    automatic = translate_source(recipe, source)
    assert torch.equal(translate_source(recipe, source, {"hints": []}), automatic)
    assert torch.equal(translate_source(recipe, source, {"hints": None}), automatic)


def test_memory_is_measured_whatever_the_hints() -> None:
    recipe, source = hinted(), torch.rand(1, 100, 130)
    told = {"hints": [Hint(70, 40, RED)]}
    whole = translate_source(recipe, source, told, tile=0)
    budget = int(bytes_per_pixel(recipe, 1, {}) * 64 * 64)
    assert (translate_source(recipe, source, told, budget=budget) - whole).abs().max() < 1e-5


def test_hints_come_in_the_recipes_precision() -> None:
    recipe = hinted().double()
    assert translate_source(recipe, torch.rand(1, 16, 16), {"hints": [Hint(3, 3, RED)]}).shape == (3, 16, 16)


# --- by name ----------------------------------------------------------------------------------------------------------


def test_a_condition_may_be_made_from_what_stands_for_it(tmp_path: Path) -> None:
    (tmp_path / "points.csv").write_text("x,y,color\n3,4,#ff0000\n")
    expected = {"hints": Hints((Hint(3, 4, RED),))}
    recipe = hinted()
    assert parse_conditions(recipe, {"hints": str(tmp_path / "points.csv")}) == expected
    assert resolve_conditions(recipe, {"hints": tmp_path / "points.csv"}) == expected
    assert resolve_conditions(recipe, {"hints": [Hint(3, 4, RED)]}) == expected
    assert resolve_conditions(recipe, expected) == expected
    assert resolve_conditions(recipe, {}) == resolve_conditions(recipe, {"hints": None}) == {"hints": None}
    with pytest.raises(NirganError, match="a list of Hint"):
        resolve_conditions(recipe, {"hints": 3})


def test_translate_takes_conditions_for_one_picture(tmp_path: Path) -> None:
    path, model = picture(tmp_path / "a.png"), translator(hinted())
    automatic = model.translate(path)
    told = model.translate(path, hints=[Hint(5, 5, RED)])
    assert not np.array_equal(told, automatic)
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(model.translate(pixels, hints=[Hint(5, 5, RED)]), told)
    tensor = model.translate(torch.from_numpy(pixels / 255.0), hints=[Hint(5, 5, RED)])
    assert np.abs(tensor.permute(1, 2, 0).numpy() * 255 - told).max() <= 0.51
    assert np.array_equal(model.translate(path), automatic)  # it was told once
    with pytest.raises(NirganError, match="x=60, y=5 lies outside"):
        model.translate(path, hints=[Hint(60, 5, RED)])
    with pytest.raises(NirganError, match="takes no 'hint'; did you mean 'hints'"):
        model.translate(path, hint=[Hint(5, 5, RED)])


def test_hints_for_another_picture_than_the_one_given_are_refused(tmp_path: Path) -> None:
    path, model, hints = picture(tmp_path / "harbor.png"), translator(hinted()), [Hint(5, 5, RED, file="harbour.png")]
    for given in (path, cv2.imread(str(path), cv2.IMREAD_UNCHANGED), torch.rand(40, 60)):
        with pytest.raises(NirganError, match=r"a hint is for 'harbour\.png', but no picture of that name"):
            model.translate(given, hints=hints)
    several = translator(hinted(), conditions={"hints": hints})  # told for many pictures, of which this is one
    assert np.array_equal(several.translate(path), model.translate(path))


def test_a_translators_own_hints_give_way(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png")
    model = translator(hinted(), conditions={"hints": [Hint(5, 5, RED)]})
    automatic, own = translator(hinted()).translate(path), model.translate(path)
    assert not np.array_equal(own, automatic)
    assert np.array_equal(model.translate(path, hints=None), automatic)


# --- many pictures ----------------------------------------------------------------------------------------------------


def test_each_picture_gets_what_is_meant_for_it(tmp_path: Path) -> None:
    paths = [picture(tmp_path / name) for name in ("a.png", "b.png")]
    plain, told = translator(hinted()), translator(hinted(), conditions={"hints": [Hint(5, 5, RED, file="a.png")]})
    for model, out in ((plain, "plain"), (told, "told")):
        assert len(translate_files(model, paths, tmp_path / out).written) == 2
    one, other = ([cv2.imread(str(tmp_path / out / name)) for out in ("plain", "told")] for name in ("a.png", "b.png"))
    assert not np.array_equal(*one)
    assert np.array_equal(*other)
    assert np.array_equal(told.translate(paths[0])[..., ::-1], one[1])


def test_what_fits_no_picture_is_refused_before_the_first_is_written(tmp_path: Path) -> None:
    paths = [picture(tmp_path / "a.png"), picture(tmp_path / "b.png", height=20)]
    for hint, words in (
        (Hint(5, 5, RED, file="c.png"), "'c.png'"),
        (Hint(5, 30, RED), "b.png: a hint at x=5, y=30 lies outside of the picture of 60×20"),
    ):
        with pytest.raises(NirganError, match=words):
            translate_files(translator(hinted(), conditions={"hints": [hint]}), paths, tmp_path / "out")
    assert not (tmp_path / "out").exists()
