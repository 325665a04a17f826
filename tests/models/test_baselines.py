"""Baselines without training: what they colour with, what they find in the data, how they are run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from command_line import Nirgan
from skimage.color import lab2rgb
from torch import Tensor

from nirgan.color import lightness, lightness_to_gray
from nirgan.data.sample import Pairing, Sample
from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError
from nirgan.inference.run import translate_source
from nirgan.models import create_model
from nirgan.models.recipe import Recipe
from nirgan.models.weights import describe, load_recipe, read_weights, save_weights

BASELINES = ("gray", "mean-color", "random-color")


def flat(level: float, a: float, b: float, *, height: int = 20, width: int = 20) -> Sample:
    """A picture of one Lab colour."""
    return sample_of(np.full((height, width, 3), (level, a, b), dtype=float))  # whole numbers would be levels of 2^63


def sample_of(lab: np.ndarray) -> Sample:
    rgb = torch.from_numpy(lab2rgb(lab)).float().permute(2, 0, 1)
    return Sample(lightness(rgb), rgb, Pairing.REGISTERED, "set/a", Path("a.png"), 1.0)


def prepared(model: str, samples: Sequence[Sample], **options: int) -> Recipe:
    recipe = create_model(model, crop=32, **options)
    recipe.prepare(samples)
    return recipe.eval()


def ab_at(recipe: Recipe, level: float) -> list[float]:
    return recipe.predict(torch.full((1, 1, 3, 5), level / 100), {})[0, :, 1, 2].tolist()


# --- gray ---------------------------------------------------------------------------------------------------------


def test_gray_is_the_grey_of_the_lightness() -> None:
    source = torch.rand(1, 13, 29)
    output = translate_source(create_model("gray"), source)
    assert torch.allclose(output, lightness_to_gray(source).expand(3, -1, -1), atol=2e-3)
    assert create_model("gray").predict(source[None], {}).shape == (1, 2, 13, 29)


def test_weights_may_hold_no_tensor(tmp_path: Path) -> None:
    recipe = create_model("gray", crop=64)
    save_weights(tmp_path / "w.safetensors", {}, describe("gray", recipe))
    loaded, info = load_recipe(tmp_path / "w.safetensors")
    assert (type(loaded), info.model, info.crop, info.task) == (type(recipe), "gray", 64, "gray2rgb")


# --- mean-color -----------------------------------------------------------------------------------------------------


def test_means_of_a_level_by_hand() -> None:
    recipe = prepared("mean-color", [flat(60, 20, 0), flat(60, -10, 30)])
    assert ab_at(recipe, 60) == pytest.approx([5, 15], abs=0.1)


def test_pictures_count_alike_whatever_their_size() -> None:
    recipe = prepared("mean-color", [flat(60, 20, 0, height=90), flat(60, -10, 30)])
    assert ab_at(recipe, 60) == pytest.approx([5, 15], abs=0.1)
    large = prepared("mean-color", [flat(60, 20, 0, height=600, width=700)])  # more points than are counted
    assert ab_at(large, 60) == pytest.approx([20, 0], abs=0.1)


def test_levels_between_lie_on_straight_lines_and_the_ends_go_on() -> None:
    recipe = prepared("mean-color", [flat(40, 20, -20), flat(80, -20, 40)])
    for level, colour in ((40, [20, -20]), (80, [-20, 40]), (50, [10, -5]), (10, [20, -20]), (100, [-20, 40])):
        assert ab_at(recipe, level) == pytest.approx(colour, abs=0.1)
    assert recipe.get_buffer("colours").shape == (2, 256)


def test_one_picture_of_two_levels() -> None:
    lab = np.zeros((10, 10, 3))
    lab[:5], lab[5:] = (20, 10, 10), (80, -10, 20)
    recipe = prepared("mean-color", [sample_of(lab)])
    assert ab_at(recipe, 20) == pytest.approx([10, 10], abs=0.1)
    assert ab_at(recipe, 80) == pytest.approx([-10, 20], abs=0.1)


def test_one_level_is_one_mean_for_all() -> None:
    recipe = prepared("mean-color", [flat(40, 20, -20), flat(80, -20, 40), flat(60, 6, 4)], levels=1)
    for level in (0, 33, 100):
        assert ab_at(recipe, level) == pytest.approx([2, 8], abs=0.1)
    with pytest.raises(NirganError, match="'levels' is 0"):
        create_model("mean-color", levels=0)


# --- random-color ---------------------------------------------------------------------------------------------------


def hues(count: int) -> list[Sample]:
    """Flat pictures that their a tells apart: -20, -19, …"""
    return [flat(60, number - 20, 10) for number in range(count)]


def test_the_bank_holds_training_pictures_each_with_the_same_chance() -> None:
    recipe = prepared("random-color", hues(40), pictures=4, side=8)
    bank = recipe.get_buffer("bank")
    assert bank.shape == (4, 2, 8, 8)
    a = bank[:, 0].mean(dim=(1, 2))
    assert torch.allclose(a, a.round(), atol=0.1)
    assert len(set(a.round().tolist())) == 4
    assert a.max() > -16.5  # not merely the first four, but for one chance in 91,390
    again = prepared("random-color", hues(40), pictures=4, side=8).get_buffer("bank")
    assert torch.equal(bank, again)
    assert len(prepared("random-color", hues(3), pictures=4).get_buffer("bank")) == 3  # there are no more


def test_colours_are_those_of_one_picture_stretched() -> None:
    lab = np.zeros((16, 24, 3))
    lab[..., 0], lab[:, :12, 1], lab[:, 12:, 1] = 60, 30, -30
    recipe = prepared("random-color", [sample_of(lab)], side=4)
    ab = recipe.predict(torch.rand(1, 1, 40, 20), {})
    assert ab.shape == (1, 2, 40, 20)
    assert ab[0, 0, :, 2].tolist() == pytest.approx([30] * 40, abs=1)
    assert ab[0, 0, :, -3].tolist() == pytest.approx([-30] * 40, abs=1)


def chosen(recipe: Recipe, source: Tensor, **conditions: int) -> int:
    return round(recipe.predict(source, conditions)[0, 0].mean().item())


def test_the_source_chooses_and_chooses_again_the_same() -> None:
    recipe = prepared("random-color", hues(40))
    sources = torch.rand(30, 1, 9, 7, generator=torch.Generator().manual_seed(0))
    first = [chosen(recipe, source[None]) for source in sources]
    assert first == [chosen(recipe, source[None]) for source in sources]
    assert len(set(first)) > 10
    batched = recipe.predict(sources, {})[:, 0].mean(dim=(1, 2)).round().int().tolist()
    assert batched == first


def test_each_seed_takes_another_picture() -> None:
    recipe, source = prepared("random-color", hues(5)), torch.rand(1, 1, 9, 7)
    found = [chosen(recipe, source, noise_seed=seed) for seed in range(5)]
    assert sorted(found) == [-20, -19, -18, -17, -16]
    assert found[0] == chosen(recipe, source)
    assert chosen(recipe, source, noise_seed=7) == found[2]


def test_the_bank_travels_in_the_weights(tmp_path: Path) -> None:
    recipe = prepared("random-color", hues(3))
    state = recipe.state_dict()
    tensors = {name: state[name] for name in recipe.weight_names()}
    save_weights(tmp_path / "w.safetensors", tensors, describe("random-color", recipe))
    loaded, _ = load_recipe(tmp_path / "w.safetensors")
    source = torch.rand(1, 12, 31)
    assert torch.equal(translate_source(loaded, source), translate_source(recipe, source))


# --- as commands ------------------------------------------------------------------------------------------------------


def train(nirgan: Nirgan, model: str) -> None:
    write_scenes(Path("scenes"), 6, size=(40, 48))
    ended = nirgan("train", "--model", model, "--data", "scenes", "--device", "cpu", "--out", "run", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["steps"] == 0


@pytest.mark.parametrize("model", BASELINES)
def test_is_trained_at_once_and_translates(nirgan: Nirgan, model: str) -> None:
    train(nirgan, model)
    picture = next(iter(sorted(Path("scenes", "rgb").iterdir())))
    ended = nirgan("translate", picture, "--weights", "run")
    assert ended.code == 0, ended.err
    assert cv2.imread(f"translated/{picture.stem}.png").shape == (40, 48, 3)
    weights = Path("run/checkpoints/last/weights.safetensors")
    before = read_weights(weights)[1]
    assert nirgan("train", "--resume", "--out", "run").code == 0
    after = read_weights(weights)[1]
    assert before.keys() == after.keys()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_gray_scores_what_the_copy_scores(nirgan: Nirgan) -> None:
    train(nirgan, "gray")
    ended = nirgan("evaluate", "--weights", "run", "--data", "scenes", "--split", "all", "--json")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    for metric in ("psnr", "delta_e", "auc", "auc_rebalanced"):
        copy = found["baselines"]["copy"][metric]["mean"]
        assert found["metrics"][metric]["mean"] == pytest.approx(copy, rel=5e-3), metric
    assert found["metrics"]["colourfulness"]["mean"] < 1


def test_samples_are_of_random_color_alone(nirgan: Nirgan) -> None:
    train(nirgan, "random-color")
    picture = next(iter(sorted(Path("scenes", "rgb").iterdir())))
    assert nirgan("translate", picture, "--weights", "run", "--samples", "3").code == 0
    written = [cv2.imread(str(path)).astype(np.int32) for path in sorted(Path("translated").iterdir())]
    assert len(written) == 3
    assert all(np.abs(written[one] - written[other]).mean() > 1 for one, other in ((0, 1), (0, 2), (1, 2)))
    grey = [cv2.cvtColor(np.float32(pixels / 255), cv2.COLOR_BGR2LAB)[..., 0] for pixels in written]
    assert np.abs(grey[0] - grey[1]).max() < 1  # of the same lightness, each within half a unit


def test_gray_draws_nothing(nirgan: Nirgan) -> None:
    train(nirgan, "gray")
    ended = nirgan("translate", "scenes/rgb", "--weights", "run", "--samples", "3")
    assert ended.code == 2
    assert "gray draws nothing at random" in ended.err


def test_a_bank_is_enlarged_smoothly() -> None:
    recipe = prepared("random-color", hues(1), side=2)
    recipe.get_buffer("bank").copy_(torch.tensor([[[[0.0, 8.0], [0.0, 8.0]]] * 2]))
    expected = F.interpolate(torch.tensor([[[[0.0, 8.0]]]]), size=(1, 16), mode="bilinear")[0, 0, 0]
    assert torch.allclose(recipe.predict(torch.rand(1, 1, 6, 16), {})[0, 1, 3], expected)
