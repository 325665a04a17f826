"""SC-GAN: the objective with its weights, noise in training and at prediction, what each phase changes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmetrics.functional.image import structural_similarity_index_measure

from nirgan.errors import NirganError
from nirgan.inference.run import translate_source
from nirgan.models import create_model
from nirgan.models.recipe import At, Recipe
from nirgan.models.weights import WeightsInfo, save_weights

SMALL_UNET = {"branch": "unet", "levels": 4, "head": "affine"}


def build(crop: int = 64, **options: object) -> Recipe:
    torch.manual_seed(0)
    return create_model("sc-gan", crop=crop, **{"width": 4, **options})


def strong(**options: object) -> Recipe:
    """In eval mode, with statistics that matter and weights that let noise and far pixels show."""
    recipe = build(**options)
    for module in recipe.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    return recipe.eval().requires_grad_(False)


def terms_of(recipe: Recipe, phase: str, at: At) -> dict:
    return {term.name: term for term in recipe.terms(phase, at)}


def test_networks_are_those_of_the_table() -> None:
    with torch.device("meta"):
        recipe = create_model("sc-gan")
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in recipe.networks.items()}
    assert counts == {"generator": 2_251_998, "discriminator": 2_766_657}
    assert (recipe.stride, recipe.halo, recipe.whole_picture) == (1, 6, False)


# --- the objective ------------------------------------------------------------------------------------------------


def test_weights_are_the_papers(at) -> None:
    weights = {name: term.weight for name, term in terms_of(build(), "generator", at).items()}
    assert weights == {"adversarial": 0.65, "l2": 0.20, "ssim": 0.15, "features": 0.0}
    assert sum(weights.values()) == pytest.approx(1, abs=1e-12)
    assert [term.weight for term in build().terms("discriminator", at)] == [1.0]


def test_paired_terms_vanish_where_the_output_is_the_target(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 64), at)
    views["compared"] = views["target"]
    terms = terms_of(recipe, "generator", at)
    assert terms["l2"].fn(views) == 0
    assert terms["ssim"].fn(views).abs() < 1e-6


def test_paired_terms_are_those_of_pictures_from_0_to_1(batch, at) -> None:
    recipe, pairs = build(), batch(2, 64)
    views, terms = recipe(pairs, at), terms_of(recipe, "generator", at)
    views["compared"] = views["target"] + 0.5  # as a registration wrapper would; a quarter of [0, 1]
    assert float(terms["l2"].fn(views)) == pytest.approx(0.25**2, rel=1e-5)
    views["compared"] = views["output"].detach()
    unit = (views["compared"] + 1) / 2
    assert float(terms["l2"].fn(views)) == pytest.approx(float((unit - pairs["target"]).square().mean()), rel=1e-5)
    # torchmetrics weighs like Wang et al., too, but also counts windows that reach over the border: cut them off.
    _, where = structural_similarity_index_measure(unit, pairs["target"], data_range=1.0, return_full_image=True)
    by_hand = 1 - where[..., 5:-5, 5:-5].mean()
    assert float(terms["ssim"].fn(views)) == pytest.approx(float(by_hand), abs=1e-4)


def test_generators_objective_by_hand(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 64), at)
    views |= recipe.phase_views("generator", views, at)
    terms = recipe.terms("generator", at)
    total = sum(t.weight * t.fn(views) for t in terms if t.active(0))
    fooled = -torch.sigmoid(views["logits_fake"]).log().mean()
    unit = (views["output"] + 1) / 2
    error = (unit - batch(2, 64)["target"]).square().mean()
    ssim = terms_of(recipe, "generator", at)["ssim"].fn(views)
    assert float(total.detach()) == pytest.approx(float((0.65 * fooled + 0.2 * error + 0.15 * ssim).detach()), rel=1e-5)


@pytest.mark.parametrize("label", [1.0, 0.9])
def test_discriminators_objective_by_hand(label: float, batch, at) -> None:
    recipe = build(real_label=label)
    views = recipe(batch(2, 64), at)
    views |= recipe.phase_views("discriminator", views, at)
    (term,) = recipe.terms("discriminator", at)
    real, fake = torch.sigmoid(views["logits_real"]), torch.sigmoid(views["logits_fake"])
    on_real = label * real.log() + (1 - label) * (1 - real).log()
    by_hand = -(on_real.mean() + (1 - fake).log().mean()) / 2
    assert float(term.fn(views).detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)


def test_smoothing_is_one_sided(batch, at) -> None:
    plain, smooth = build(), build(real_label=0.9)
    for recipe in (plain, smooth):
        recipe.eval()
    views = plain(batch(2, 64), at)
    views |= plain.phase_views("generator", views, at)
    one, other = (terms_of(recipe, "generator", at)["adversarial"].fn(views) for recipe in (plain, smooth))
    assert one == other  # the generator's own label stays 1


def test_discriminator_judges_the_pair_and_goes_first(batch, at) -> None:
    recipe, judged = build(), []
    recipe.networks["discriminator"].register_forward_pre_hook(lambda _, args: judged.append(args[0]))
    views = recipe(batch(2, 64), at)
    for phase in recipe.stages[0].phases:
        recipe.phase_views(phase.name, views, at)
    source, target, output = views["source"], views["target"], views["output"]
    assert [phase.name for phase in recipe.stages[0].phases] == ["discriminator", "generator"]
    for pair, colour in zip(judged, (target, output, output), strict=True):
        assert torch.equal(pair, torch.cat([source, colour], 1))


@pytest.mark.parametrize(
    "options", [{}, SMALL_UNET, {"flat": True}, {"lambda_features": 10.0}, {"grain": "picture"}, {"noise": 0.0}]
)
def test_each_phase_reaches_its_own_network_alone(options: dict, batch, at) -> None:
    recipe = build(**options)
    views = recipe(batch(2, 64), at)
    for phase in recipe.stages[0].phases:
        recipe.zero_grad(set_to_none=True)
        recipe.requires_grad_(False)
        recipe.network(phase.trains[0]).requires_grad_(True)
        views = {**batch(2, 64), **recipe(batch(2, 64), at)}
        views |= recipe.phase_views(phase.name, views, at)
        sum(t.weight * t.fn(views) for t in recipe.terms(phase.name, at) if t.active(0)).backward()
        for name, network in recipe.networks.items():
            grads = {path: p.grad is not None and bool(p.grad.any()) for path, p in network.named_parameters()}
            assert all(grads.values()) if name in phase.trains else not any(grads.values()), (phase.name, grads)


def test_discriminators_phase_does_not_reach_the_generator(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 64), at)
    views |= recipe.phase_views("discriminator", views, at)
    sum(t.fn(views) for t in recipe.terms("discriminator", at)).backward()
    assert all(p.grad is None for p in recipe.networks["generator"].parameters())


# --- options ------------------------------------------------------------------------------------------------------


def test_features_are_matched_only_where_asked(batch, at) -> None:
    plain, matched = build(), build(lambda_features=2.0)
    for recipe in (plain, matched):
        calls = []
        for layer in recipe.networks["discriminator"].hidden:
            layer.register_forward_hook(lambda *args, calls=calls: calls.append(args[2]))
        views = recipe(batch(2, 64), at)
        own = recipe.phase_views("generator", views, at)
        if recipe is plain:
            assert set(own) == {"logits_fake"}
            assert len(calls) == 4
        else:
            assert len(calls) == 8  # four layers on the target, four on the output, nothing twice
            real, fake = calls[:4], calls[4:]
            by_hand = sum((a - b).square().mean() for a, b in zip(real, fake, strict=True))
            term = terms_of(recipe, "generator", at)["features"]
            assert term.weight == 2.0
            assert torch.isclose(term.fn({**views, **own}), by_hand)
            assert torch.equal(own["logits_fake"], recipe.networks["discriminator"].out(fake[-1]))


def at_step(step: int) -> At:
    return At(step, 0, step, 0.0, "train", torch.Generator().manual_seed(0))


def test_warm_up_has_no_adversary(batch) -> None:
    recipe, calls = build(warmup_steps=5, lambda_features=1.0), []
    recipe.networks["discriminator"].hidden[0].register_forward_hook(lambda *_: calls.append(1))
    expected = {4: ({"l2", "ssim"}, set()), 5: ({"adversarial", "l2", "ssim", "features"}, {"adversarial"})}
    for step, names in expected.items():
        at = at_step(step)
        views = recipe(batch(2, 64), at)
        for phase, active in zip(("generator", "discriminator"), names, strict=True):
            assert {term.name for term in recipe.terms(phase, at) if term.active(step)} == active
            recipe.phase_views(phase, views, at)
        assert bool(calls) == (step == 5)


def test_without_adversary_there_is_no_phase_for_it(batch, at) -> None:
    recipe = build(lambda_adversarial=0.0)
    assert [phase.name for phase in recipe.stages[0].phases] == ["generator"]
    assert recipe.phase_views("generator", recipe(batch(2, 64), at), at) == {}
    both = build(lambda_adversarial=0.0, lambda_features=1.0)
    assert [phase.name for phase in both.stages[0].phases] == ["discriminator", "generator"]


@pytest.mark.parametrize(
    ("crop", "options", "message"),
    [
        (63, {}, "crop 63: give a multiple of 1, at least 64"),
        (66, {"branch": "unet"}, "crop 66: give a multiple of 4.*options.levels"),
        (72, {"branch": "unet", "levels": 5}, "multiple of 16"),
        (64, {"levels": 3}, "levels are of branch=unet"),
        (64, {"branch": "unet", "levels": 1}, "'levels' is 1"),
        (64, {"real_label": 0.5}, "'real_label' is 0.5"),
        (64, {"lambda_ssim": -0.1}, "'lambda_ssim' is -0.1"),
        (64, {"noise": -0.1}, "'noise' is -0.1"),
    ],
)
def test_what_does_not_fit_is_refused(crop: int, options: dict, message: str) -> None:
    with pytest.raises(NirganError, match=message):
        build(crop, **options)


@pytest.mark.parametrize("options", [{}, {"branch": "unet"}, SMALL_UNET])
def test_halo_is_the_radius_in_strides(options: dict) -> None:
    recipe = build(**options)
    radius = recipe.networks["generator"].radius
    assert recipe.halo % recipe.stride == 0
    assert radius <= recipe.halo < radius + recipe.stride


# --- noise --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grain", ["pixel", "picture"])
def test_training_draws_its_noise_from_the_steps_generator(grain: str, batch) -> None:
    recipe, pairs = build(grain=grain), batch(2, 64)
    before = torch.get_rng_state()
    first, again = (recipe(pairs, at_step(0))["output"] for _ in range(2))
    assert torch.equal(first, again)
    at = at_step(0)
    recipe(pairs, at)
    assert not torch.equal(first, recipe(pairs, at)["output"])  # the generator went on
    assert torch.equal(before, torch.get_rng_state())
    quiet = build(noise=0.0)
    assert torch.equal(quiet(pairs, at)["output"], quiet(pairs, at)["output"])


def test_noise_has_its_standard_deviation(batch, at) -> None:
    recipe, pairs = build(noise=0.3), batch(4, 64)
    seen: list[Tensor] = []
    for branch in recipe.networks["generator"].branches:
        for layer in (branch.first, *branch.body):
            layer.register_forward_pre_hook(lambda _, args: seen.append(args[0][:, -1]))
    recipe(pairs, at)
    maps = torch.stack(seen).flatten(1)
    assert len(maps) == 15
    assert torch.allclose(maps.std(1), torch.full((15,), 0.3), rtol=0.05)
    assert (torch.corrcoef(maps) - torch.eye(15)).abs().max() < 0.05  # fresh for each layer and branch


@pytest.mark.parametrize("options", [{}, {"grain": "picture"}, SMALL_UNET])
def test_without_a_seed_prediction_repeats_and_with_one_it_varies(options: dict, batch) -> None:
    recipe, source = strong(**options), batch(1, 64)["source"]
    plain = recipe.predict(source, {})
    assert torch.equal(recipe.predict(source, {"noise_seed": None}), plain)
    variants = [recipe.predict(source, {"noise_seed": seed}) for seed in (0, 1, 2)]
    assert torch.equal(recipe.predict(source, {"noise_seed": 1}), variants[1])
    pictures = [plain, *variants]
    for n, one in enumerate(pictures):
        assert all((one - other).abs().mean() > 1e-3 for other in pictures[:n])


def test_without_noise_there_is_nothing_to_seed() -> None:
    assert [c.name for c in build().conditions] == ["noise_seed"]
    assert build(noise=0.0).conditions == ()


@pytest.mark.parametrize("options", [{}, {"grain": "picture"}, SMALL_UNET, {**SMALL_UNET, "grain": "picture"}])
@pytest.mark.parametrize("size", [(150, 203), (97, 400)])
def test_noise_leaves_no_seams_between_tiles(options: dict, size: tuple[int, int]) -> None:
    recipe = strong(**options)
    source = torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    side = 3 * recipe.halo + 2 * recipe.stride
    told = {"noise_seed": 7}
    whole, tiled = (translate_source(recipe, source, told, tile=tile) for tile in (0, side))
    assert (whole - tiled).abs().max() < 1e-5
    assert (whole - translate_source(recipe, source)).abs().mean() > 1e-3


def test_noise_that_started_anew_in_each_tile_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, source, told = strong(), torch.rand(1, 150, 203), {"noise_seed": 7}
    whole, predict = translate_source(recipe, source, told, tile=0), recipe.predict
    monkeypatch.setattr(recipe, "predict", lambda tile, known: predict(tile, {"noise_seed": known["noise_seed"]}))
    assert (whole - translate_source(recipe, source, told, tile=64)).abs().max() > 1e-2


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    recipe, options = strong(grain="picture"), {"width": 4, "grain": "picture"}
    state, info = recipe.state_dict(), WeightsInfo(model="sc-gan", task="nir2rgb", crop=64, options=options)
    save_weights(tmp_path / "w.safetensors", {name: state[name] for name in recipe.weight_names()}, info)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "nir.png"), cv2.GaussianBlur(pixels, (9, 9), 3))
    return tmp_path / "w.safetensors"


def test_samples_are_that_many_colourings(weights: Path, nirgan, tmp_path: Path) -> None:
    def written(out: str, *options: str) -> list[bytes]:
        ended = nirgan("translate", "nir.png", "--weights", weights, "--out", out, *options)
        assert ended.code == 0, ended.err
        return [path.read_bytes() for path in sorted((tmp_path / out).iterdir())]

    samples = written("three", "--samples", "3")
    assert len(samples) == len(set(samples)) == 3
    assert written("again", "--samples", "3") == samples
    assert written("second", "--seed", "1") == samples[1:2]
    assert written("named", "--noise-seed", "1") == samples[1:2]
    plain = written("plain")
    assert written("repeated") == plain
    assert plain[0] not in samples


# --- learning -----------------------------------------------------------------------------------------------------


def test_training_lowers_the_error(batch, train_step) -> None:
    recipe = build(**SMALL_UNET, width=8, lambda_adversarial=0.0)  # the adversary makes the first steps noisy
    logs = [train_step(recipe, batch(4, 64, seed=step % 2), step)["generator/l2"] for step in range(30)]
    assert sum(logs[-4:]) < 0.6 * sum(logs[:4])
