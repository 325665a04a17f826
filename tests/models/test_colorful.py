"""Colorful Image Colorization: objective, prior, variants, heads on any generator, decoding at translation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.color import lightness, rgb_to_lab
from nirgan.color.ab_bins import BINS, ab_bins, annealed_mean, class_weights, nearest_bin, soft_encode
from nirgan.config import resolve_config
from nirgan.data.sample import Pairing, Sample
from nirgan.errors import NirganError
from nirgan.inference.predict import predict_picture
from nirgan.inference.run import translate_source
from nirgan.models import create_model
from nirgan.models.recipe import Recipe
from nirgan.models.weights import describe, save_weights
from nirgan.training.init_from import check_start, take_over

TINY = {"width": 4, "features": 16}
OTHERS = {
    "unet": {"generator_options": {"channels": [4, 8, 8]}},
    "resnet": {"generator_options": {"norm": "batch", "residual_blocks": 1}},
    "colornet": {},
}


def build(crop: int = 64, **options: Any) -> Recipe:
    torch.manual_seed(0)
    return create_model("colorful", crop=crop, **{**TINY, **options})


def strong(**options: Any) -> Recipe:
    """In eval mode, with the statistics of noise, so that the answer differs from place to place."""
    recipe = build(**options).train().requires_grad_(False)
    for _ in range(20):
        recipe.networks["head"](recipe.networks["generator"](torch.rand(2, 1, 64, 64) - 0.5))
    return recipe.eval()


def sample_of(rgb: Tensor) -> Sample:
    return Sample(lightness(rgb), rgb, Pairing.REGISTERED, "set/a", Path("a.png"), 1.0)


def flat(*rgb: float, height: int = 64, width: int = 64) -> Tensor:
    return torch.tensor(rgb).view(3, 1, 1).expand(3, height, width).clone()


@pytest.fixture
def pairs(batch: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Three coloured pictures and their own lightness, float32."""
    pairs = batch(3, 64)
    return {**pairs, "source": lightness(pairs["target"])}


# --- what it is ---------------------------------------------------------------------------------------------------


def test_networks_are_those_of_the_release() -> None:
    with torch.device("meta"):
        recipe = create_model("colorful")
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in recipe.networks.items()}
    assert sum(counts.values()) == 32_235_385
    assert sum(counts.values()) + ab_bins().numel() == 32_236_011  # with the fixed layer that decodes
    assert counts["head"] == 80_441
    assert (recipe.stride, recipe.halo, recipe.whole_picture) == (8, 184, False)  # radius 183, by hand
    assert (recipe.working_size, recipe.tasks, recipe.ranks_bins) == (256, ("gray2rgb",), True)


def test_a_picture_becomes_cells_and_a_picture_again() -> None:
    recipe = strong()
    source = torch.rand(1, 1, 256, 256)
    assert recipe.bin_logits(source, {}).shape == (1, BINS, 64, 64)
    assert recipe.predict(source, {}).shape == (1, 2, 256, 256)


@pytest.mark.parametrize("bottom", [{"norm": "instance"}, {"residual_blocks": 1}])
def test_a_unet_colours_pictures_smaller_than_it_takes(bottom: dict[str, Any]) -> None:
    options = {"channels": [4, 8, 8], **bottom}
    recipe = build(generator="unet", generator_options=options, working_size=None).eval()
    for height, width in ((1, 1), (5, 30), (8, 8)):
        assert translate_source(recipe, torch.rand(1, height, width)).shape == (3, height, width)


# --- the objective ------------------------------------------------------------------------------------------------


def dense(views: dict[str, Any]) -> Tensor:
    empty = torch.zeros(*views["logits"].shape)
    return empty.scatter(1, views["bins"], views["shares"])


def test_the_loss_by_hand(pairs: dict[str, Any], at, phase_values) -> None:
    recipe = build()
    generator = torch.Generator().manual_seed(0)
    recipe.prior.copy_(torch.rand(BINS, generator=generator).softmax(0))
    recipe.prior[:60] *= 1e-3
    recipe.prior /= recipe.prior.sum()
    views = recipe(pairs, at)
    truth = dense(views)
    assert torch.allclose(truth.sum(1), torch.ones(3, 16, 16))
    weights = class_weights(recipe.prior)[truth.argmax(1)]
    each = -(truth * views["logits"].log_softmax(1)).sum(1)
    found = phase_values(recipe, "generator", pairs)
    assert list(found) == ["class"]
    assert float(found["class"]) == pytest.approx(float((weights * each).mean()), rel=1e-4)
    assert weights.max() > 1.2 * weights.min()


def test_the_truth_is_a_middle_pixel_of_each_cell(pairs: dict[str, Any], at) -> None:
    views = build()(pairs, at)
    lab = rgb_to_lab(pairs["target"])
    assert torch.allclose(views["target_ab"], lab[:, 1:, 2::4, 2::4], atol=1e-4)
    assert torch.allclose(100 * views["lightness"], lab[:, :1, 2::4, 2::4], atol=0.01)
    assert views["bins"].shape == views["shares"].shape == (3, 5, 16, 16)  # never 313 numbers
    assert torch.equal(views["bins"][:, 0], nearest_bin(views["target_ab"]))
    assert build(neighbours=10)(pairs, at)["bins"].shape[1] == 10


def test_colours_are_drawn_where_they_were_taught(pairs: dict[str, Any], at, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that answers with the truth draws a ramp of colour where it is, to less than a pixel."""
    ramp = torch.linspace(0.3, 0.7, 64)
    rgb = torch.stack([ramp, torch.full((64,), 0.5), ramp.flip(0)])
    target = 0.5 * (rgb[:, :, None] + rgb[:, None, :])[None]
    recipe = build(variant="l2")
    taught = recipe({"source": lightness(target), "target": target}, at)["target_ab"]
    monkeypatch.setattr(recipe, "_drawn", lambda source: taught / 110)
    wrong = recipe.predict(lightness(target), {}) - rgb_to_lab(target)[:, 1:]
    step = rgb_to_lab(target)[..., 1:].diff(dim=-1)[:, 1:].abs()
    inside = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    assert wrong[inside].abs().mean() < 1.1 * step[inside].mean()  # half a pixel in both directions


def test_the_predicted_colours_can_be_judged(pairs: dict[str, Any], at) -> None:
    for options in ({}, {"variant": "l2"}):
        views = build(**options)(pairs, at)
        assert views["ab"].shape == views["target_ab"].shape == (3, 2, 16, 16)
        assert views["lightness"].shape == (3, 1, 16, 16)
        assert views["ab"].requires_grad


def test_grey_pictures_teach_nothing(pairs: dict[str, Any], at, phase_values) -> None:
    recipe = build().eval()  # in training, batch norm would look at them
    grey = pairs["target"][:1].mean(1, keepdim=True).expand(-1, 3, -1, -1)
    with_grey = {**pairs, "target": torch.cat([grey, pairs["target"][1:]])}
    without = {**pairs, "target": pairs["target"][1:], "source": pairs["source"][1:]}
    found, expected = (phase_values(recipe, "generator", each)["class"] for each in (with_grey, without))
    assert torch.isclose(found, expected, rtol=1e-5)
    all_grey = {**pairs, "target": grey.expand(3, -1, -1, -1)}
    assert phase_values(recipe, "generator", all_grey)["class"] == 0


def test_a_little_colour_is_still_grey(pairs: dict[str, Any], at) -> None:
    recipe = build()
    for amount, counts in ((4.0, False), (6.0, True)):
        tinted = rgb_of(60.0, amount, 0.0)
        views = recipe({**pairs, "target": tinted.expand(3, 3, 64, 64)}, at)
        assert bool(views["counted"].all()) is counts


def rgb_of(level: float, a: float, b: float) -> Tensor:
    from skimage.color import lab2rgb

    return torch.from_numpy(lab2rgb(np.array([[[level, a, b]]]))).float().view(1, 3, 1, 1)


# --- the prior ----------------------------------------------------------------------------------------------------


def test_the_prior_is_the_mean_of_smoothed_pictures() -> None:
    recipe = build()
    red, blue, grey = flat(1, 0, 0), flat(0, 0, 1, height=200, width=90), flat(0.5, 0.5, 0.5)
    recipe.prepare([sample_of(red), sample_of(blue), sample_of(grey)])
    expected = torch.zeros(BINS)
    for picture in (red, blue):
        bins, shares = soft_encode(rgb_to_lab(picture[None])[:, 1:, :1, :1])
        expected.index_add_(0, bins.flatten(), shares.flatten() / 2)
    assert torch.allclose(recipe.prior, expected, atol=1e-5)
    assert float(recipe.prior.sum()) == pytest.approx(1, abs=1e-5)


def test_rare_colours_weigh_more(at) -> None:
    recipe = build()
    rare = flat(0, 0, 1)
    rare[:, :, 16:] = flat(1, 0, 0)[:, :, 16:]  # a quarter blue
    recipe.prepare([sample_of(rare)])
    views = recipe({"source": lightness(rare)[None], "target": rare[None]}, at)
    assert views["weights"][..., :4].min() > 2 * views["weights"][..., 4:].max()


def test_only_grey_pictures_are_refused() -> None:
    with pytest.raises(NirganError, match="all training pictures are grey"):
        build().prepare([sample_of(flat(0.2, 0.2, 0.2))])


def test_the_prior_travels_in_the_weights() -> None:
    assert "prior" in build().weight_names()


# --- variants and heads ---------------------------------------------------------------------------------------------


def test_class_weighs_all_alike_and_looks_at_no_data(pairs: dict[str, Any], at) -> None:
    recipe = build(variant="class")

    def unseen() -> Any:
        raise AssertionError("read")
        yield

    recipe.prepare(unseen())
    recipe.prior[0] = 0.7
    recipe.prior /= recipe.prior.sum()
    assert torch.allclose(recipe(pairs, at)["weights"], torch.ones(3, 16, 16), atol=1e-4)


def test_l2_is_half_the_squared_distance(pairs: dict[str, Any], at, phase_values) -> None:
    recipe = build(variant="l2")
    views = recipe(pairs, at)
    by_hand = (((views["ab"] - views["target_ab"]) / 110) ** 2).sum(1).mean() / 2
    found = phase_values(recipe, "generator", pairs)
    assert list(found) == ["l2"]
    assert torch.isclose(found["l2"], by_hand, rtol=1e-4)
    assert recipe.networks["head"][-1].out_channels == 2
    assert (recipe.conditions, recipe.ranks_bins) == ((), False)
    with pytest.raises(NirganError, match="scores no bins"):
        recipe.bin_logits(pairs["source"], {})


def test_regression_may_go_through_the_bins(pairs: dict[str, Any], at, phase_values) -> None:
    recipe = build(variant="l2", head="ab-bins").eval()
    logits = recipe.bin_logits(pairs["source"], {})
    assert torch.allclose(recipe(pairs, at)["ab"], annealed_mean(logits, 0.38), atol=1e-3)
    assert list(phase_values(recipe, "generator", pairs)) == ["l2"]
    assert [condition.name for condition in recipe.conditions] == ["temperature"]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("variant", ["full", "l2"])
def test_any_generator_carries_the_head(name: str, variant: str, pairs: dict[str, Any], at) -> None:
    recipe = build(generator=name, variant=variant, **OTHERS[name])
    views = recipe(pairs, at)
    assert views["ab"].shape == (3, 2, 16, 16)
    sum(term.weight * term.fn(views) for term in recipe.terms("generator", at)).backward()
    # Biases before batch norm get rounding noise alone.
    assert all(p.grad is not None and (p.grad.any() or p.ndim == 1) for p in recipe.networks.parameters())
    assert recipe.eval().predict(pairs["source"], {}).shape == (3, 2, 64, 64)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"head": "ab"}, "variant=full classifies, and head=ab has no classes.*options.variant=l2"),
        ({"crop": 60}, "at crop 60: give a multiple of 8, at least 16"),
        ({"crop": 8}, "give a multiple of 8, at least 16"),
        ({"generator": "unet", "crop": 24}, "'unet' at crop 24: give a multiple of 16, at least 32"),
        ({"generator": "triplet"}, "gives no features for a head"),
        ({"mix": 0.0}, "'mix' is 0.0"),
        ({"neighbours": 0}, "'neighbours' is 0"),
        ({"variant": "L2"}, "'variant' is 'L2'"),
        ({"generator_options": [1]}, "'generator_options' is"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict, words: str) -> None:
    with pytest.raises(NirganError, match=words):
        build(**options)


def weights_of(recipe: Recipe, path: Path) -> Path:
    state = recipe.state_dict()
    tensors = {name: state[name] for name in recipe.weight_names()}
    save_weights(path, tensors, describe("colorful", recipe))
    return path


def test_fine_tuning_starts_from_full_with_a_head_of_its_own(tmp_path: Path) -> None:
    full = build()
    start = weights_of(full, tmp_path / "full.safetensors")
    torch.manual_seed(1)
    settings = {"model": "colorful", "preset": "tiny", "options": {**TINY, "variant": "l2-ft"}}
    tuned = create_model("colorful", crop=32, **settings["options"])
    head = tuned.networks["head"][-1].weight.detach().clone()
    take_over(tuned, resolve_config({**settings, "init_from": str(start)}))
    before, after = full.networks["generator"].state_dict(), tuned.networks["generator"].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert torch.equal(tuned.networks["head"][-1].weight, head)
    with pytest.raises(NirganError, match="starts from weights of variant=full: name them with --init-from"):
        check_start(resolve_config(settings), tuned)
    check_start(resolve_config({**settings, "init_from": str(start)}), tuned)


@pytest.mark.parametrize("variant", ["class", "l2"])
def test_fine_tuning_starts_from_nothing_but_full(variant: str, tmp_path: Path) -> None:
    other = weights_of(build(variant=variant), tmp_path / "other.safetensors")
    config = resolve_config({"model": "colorful", "preset": "tiny", "init_from": str(other)})
    words = rf"other\.safetensors: weights of variant={variant}; this starts from those of variant=full"
    for start in (check_start, lambda config, recipe: take_over(recipe, config)):
        with pytest.raises(NirganError, match=words):
            start(config, build(variant="l2-ft"))
        start(config, build(variant=variant))


def test_a_head_that_fits_is_taken_over(tmp_path: Path) -> None:
    full = build()
    start = weights_of(full, tmp_path / "full.safetensors")
    settings = {"model": "colorful", "preset": "tiny", "init_from": str(start)}
    for options in ({}, {"variant": "l2-ft", "head": "ab-bins"}):
        torch.manual_seed(1)
        other = create_model("colorful", crop=32, **TINY, **options)
        take_over(other, resolve_config({**settings, "options": {**TINY, **options}}))
        assert torch.equal(other.networks["head"][-1].weight, full.networks["head"][-1].weight)


# --- prediction ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["colorful", *OTHERS])
def test_tiles_equal_the_whole_picture(name: str) -> None:
    recipe = strong(generator=name, **OTHERS.get(name, {}))
    side = 3 * recipe.halo
    source = torch.rand(1, 1, side, 2 * side, generator=torch.Generator().manual_seed(0))
    whole, tiled = (predict_picture(recipe, source, {}, tile=tile) for tile in (0, side))
    assert (whole - tiled).abs().max() < 0.001  # of Lab's units
    assert whole.std((2, 3)).max() > 0.1


def test_instance_norms_look_at_the_whole_picture() -> None:
    assert build(generator="resnet").whole_picture
    assert build(generator="colornet", generator_options={"align_corners": True}).whole_picture
    assert not build(generator="unet").whole_picture


def test_temperature_goes_from_the_mean_to_the_mode() -> None:
    recipe, source = strong(), torch.rand(1, 1, 64, 64)
    logits = recipe.bin_logits(source, {})
    best = ab_bins()[logits.argmax(1)].movedim(-1, 1)
    cold = F.interpolate(best, scale_factor=4, mode="bilinear")
    assert (recipe.predict(source, {"temperature": 1e-6}) - cold).abs().max() < 0.1
    plain = recipe.predict(source, {})
    assert torch.equal(plain, recipe.predict(source, {"temperature": 0.38}))
    head = recipe.networks["head"][-1]
    head.weight.zero_()
    head.bias.fill_(-50.0)
    head.bias[nearest_bin(torch.zeros(1, 2, 1, 1))], head.bias[-1] = 0.0, 1.0  # grey, and a red that is likelier
    red = [float(recipe.predict(source, {"temperature": t})[0, 0].mean()) for t in (1.0, 0.38, 0.05)]
    assert red == pytest.approx([100 / (1 + np.exp(-1 / t)) for t in (1.0, 0.38, 0.05)], abs=0.01)


def test_lightness_is_kept() -> None:
    recipe, source = strong(working_size=64), torch.rand(1, 90, 133, generator=torch.Generator().manual_seed(0))
    output = translate_source(recipe, source, {"temperature": 0.05})
    assert (output - output.mean(0)).abs().max() > 0.05  # it is coloured
    stored = (255 * output).round() / 255
    assert (100 * (lightness(stored) - source)).abs().max() < 0.5


def test_translation_takes_a_temperature(nirgan, tmp_path: Path) -> None:
    weights = weights_of(strong(working_size=64), tmp_path / "w.safetensors")
    pixels = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8), (9, 9), 3)
    cv2.imwrite(str(tmp_path / "grey.png"), pixels)

    def written(out: str, *options: str) -> list[bytes]:
        ended = nirgan("translate", "grey.png", "--weights", weights, "--out", out, *options)
        assert ended.code == 0, ended.err
        return [path.read_bytes() for path in sorted((tmp_path / out).iterdir())]

    plain = written("plain")
    assert written("same", "--temperature", "0.38") == plain
    assert written("vivid", "--temperature", "0.05") != plain
    refused = nirgan("translate", "grey.png", "--weights", weights, "--out", "none", "--temperature", "0").refused
    assert refused == "--temperature is 0.0, but must be above 0"


# --- learning -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_four_pictures_are_learnt_by_heart(at) -> None:
    """What is left of the rebalanced loss is the entropy of its targets, below which it cannot come."""
    colours = [(0.8, 0.2, 0.2), (0.2, 0.6, 0.2), (0.2, 0.3, 0.8), (0.9, 0.8, 0.2)]
    target = torch.stack([flat(*colour, height=32, width=32) for colour in colours])
    target[..., 16:] = target.roll(1, 0)[..., 16:] * 0.5
    batch = {"source": lightness(target), "target": target}
    recipe = build(crop=32, width=8, features=32)
    recipe.prepare([sample_of(picture) for picture in target])
    optimiser = torch.optim.Adam(recipe.networks.parameters(), lr=2e-3)
    (term,) = recipe.terms("generator", at)
    excess = []
    for _ in range(400):
        views = recipe(batch, at)
        entropy = -(views["shares"] * views["shares"].clamp(min=1e-12).log()).sum(1)
        loss = term.fn(views)
        excess.append(float((loss - (views["weights"] * entropy).mean()).detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert min(excess) > -1e-3
    assert excess[-1] < 0.1 < 2 < excess[0]


@pytest.mark.parametrize("options", [{"variant": "l2"}, {"generator": "unet", **OTHERS["unet"]}])
def test_training_lowers_the_loss(options: dict[str, Any], pairs: dict[str, Any], at) -> None:
    recipe = build(**options)
    optimiser = torch.optim.Adam(recipe.networks.parameters(), lr=2e-3)
    (term,) = recipe.terms("generator", at)
    losses = []
    for _ in range(40):
        loss = term.fn(recipe(pairs, at))
        losses.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert sum(losses[-4:]) < 0.95 * sum(losses[:4])
