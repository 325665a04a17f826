"""pix2pix: the objective, depth by crop, test modes, Lab."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nirgan.color.lab import lightness
from nirgan.errors import NirganError
from nirgan.models import create_model
from nirgan.models.recipe import Recipe


def build(crop: int = 32, **options: object) -> Recipe:
    torch.manual_seed(0)
    return create_model("pix2pix", crop=crop, **{"width": 4, **options})


def counts(**arguments: object) -> dict[str, int]:
    with torch.device("meta"):
        recipe = create_model("pix2pix", **arguments)
    return {name: sum(p.numel() for p in net.parameters()) for name, net in recipe.networks.items()}


def test_networks_are_those_of_the_paper() -> None:
    assert counts() == {"generator": 54_411_907, "discriminator": 2_766_657}
    assert counts(crop=128)["generator"] == 41_826_947
    assert counts(task="gray2rgb")["generator"] == 54_409_858


def test_discriminator_judges_the_pair(batch, at) -> None:
    recipe, judged = build(), []
    recipe.networks["discriminator"].register_forward_pre_hook(lambda _, args: judged.append(args[0]))
    views = recipe(batch(2, 32), at)
    recipe.phase_views("discriminator", views, at)
    recipe.phase_views("generator", views, at)
    assert [tuple(pair.shape) for pair in judged] == [(2, 4, 32, 32)] * 3
    assert torch.equal(judged[0], torch.cat([views["source"], views["target"]], 1))
    assert torch.equal(judged[1], torch.cat([views["source"], views["output"]], 1))
    assert torch.equal(judged[1], judged[2])


def test_logits_at_256_are_30_by_30(batch, at) -> None:
    recipe = build(256)
    views = recipe(batch(1, 256), at)
    assert recipe.phase_views("generator", views, at)["logits_fake"].shape == (1, 1, 30, 30)


def test_discriminator_goes_first() -> None:
    assert [phase.name for phase in build().stages[0].phases] == ["discriminator", "generator"]


def test_l1_counts_a_hundred_times(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 32), at)
    term = {t.name: t for t in recipe.terms("generator", at)}["l1"]
    error = (views["output"] - (2 * batch(2, 32)["target"] - 1)).abs().mean()
    assert term.weight * float(term.fn(views).detach()) == pytest.approx(100 * float(error.detach()), rel=1e-6)
    views["compared"] = views["target"] - 0.5  # as a registration wrapper would
    assert term.weight * float(term.fn(views)) == pytest.approx(50, rel=1e-5)


def test_adversarial_terms_by_hand(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 32), at)
    views |= recipe.phase_views("discriminator", views, at)
    (term,) = recipe.terms("discriminator", at)
    real, fake = torch.sigmoid(views["logits_real"]), torch.sigmoid(views["logits_fake"])
    by_hand = -(real.log().mean() + (1 - fake).log().mean()) / 2
    assert float(term.fn(views).detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)
    views |= recipe.phase_views("generator", views, at)
    term = {t.name: t for t in recipe.terms("generator", at)}["adversarial"]
    by_hand = -torch.sigmoid(views["logits_fake"]).log().mean()
    assert float(term.fn(views).detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)


def test_each_phase_reaches_its_own_network_alone(batch, at) -> None:
    recipe = build(dropout="none")
    views = recipe(batch(2, 32), at)
    own = recipe.phase_views("discriminator", views, at)
    sum(t.fn(views | own) for t in recipe.terms("discriminator", at)).backward(retain_graph=True)
    assert all(p.grad is None for p in recipe.networks["generator"].parameters())
    assert all(p.grad.any() for p in recipe.networks["discriminator"].parameters())
    own = recipe.phase_views("generator", views, at)
    sum(t.weight * t.fn(views | own) for t in recipe.terms("generator", at)).backward()
    assert all(p.grad.any() for p in recipe.networks["generator"].parameters())


@pytest.mark.parametrize(("crop", "stride"), [(256, 256), (512, 256), (128, 128), (224, 32), (32, 32), (320, 64)])
def test_depth_follows_the_crop(crop: int, stride: int) -> None:
    assert build(crop, width=1).stride == stride


@pytest.mark.parametrize(
    ("crop", "options", "message"),
    [
        (100, {}, "crop 100 can be halved 2 times.*options.levels=2"),
        (16, {}, "needs 32 pixels"),
        (48, {"levels": 5}, "5 levels do not fit crop 48"),
        (512, {"levels": 9}, "levels go from 1 to 8"),
        (32, {"levels": 0}, "levels go from 1 to 8"),
        (32, {"lambda_l1": -1.0}, "'lambda_l1' is -1"),
    ],
)
def test_what_does_not_fit_is_refused(crop: int, options: dict, message: str) -> None:
    with pytest.raises(NirganError, match=message):
        build(crop, **options)


def test_chosen_levels() -> None:
    assert build(48, levels=4).stride == 16


def test_one_cell_at_the_bottom_leaves_taps_untrained_and_asks_for_tiles(batch, at) -> None:
    one_cell, four_cells = build(32), build(64, levels=5)
    assert one_cell.tile == 32
    assert four_cells.tile is None
    for recipe, crop in ((one_cell, 32), (four_cells, 64)):
        views = recipe(batch(2, crop), at)
        {t.name: t for t in recipe.terms("generator", at)}["l1"].fn(views).backward()
        taps = recipe.networks["generator"].encoder[-1][0].weight.grad.abs().sum((0, 1)) > 0
        inner = torch.zeros(4, 4, dtype=torch.bool)
        inner[1:3, 1:3] = True
        assert torch.equal(taps, inner if recipe.tile else torch.ones_like(inner))


@pytest.mark.parametrize(
    ("dropout", "levels", "expected"),
    [("d1-d3", 8, [1, 2, 3]), ("d2-d4", 8, [2, 3, 4]), ("d1-d3", 6, [1, 2]), ("d2-d4", 7, [2, 3]), ("none", 8, [])],
)
def test_dropout_stands_in_the_innermost_wide_blocks(dropout: str, levels: int, expected: list[int]) -> None:
    decoder = build(256, dropout=dropout, levels=levels, width=1).networks["generator"].decoder
    found = [n for n, block in enumerate(decoder, 1) if any(isinstance(m, nn.Dropout) for m in block)]
    assert found == expected


def trained_a_little(recipe: Recipe, batch, train_step) -> Recipe:
    for step in range(3):
        train_step(recipe, batch(4, 64, seed=step), step)
    return recipe.eval().requires_grad_(False)


def test_noise_seed_gives_variants(batch, train_step) -> None:
    recipe = trained_a_little(build(64), batch, train_step)
    source = batch(1, 64)["source"]
    plain = recipe.predict(source, {"noise_seed": None})
    assert torch.equal(recipe.predict(source, {}), plain)
    first = recipe.predict(source, {"noise_seed": 1})
    assert torch.equal(recipe.predict(source, {"noise_seed": 1}), first)
    assert not torch.equal(recipe.predict(source, {"noise_seed": 2}), first)
    assert not torch.equal(plain, first)


def test_without_dropout_there_is_no_noise_to_seed() -> None:
    assert [c.name for c in build().conditions] == ["noise_seed"]
    assert build(dropout="none").conditions == ()


def test_paper_mode_uses_what_it_sees_and_learns_nothing(batch, train_step) -> None:
    recipe = trained_a_little(build(64, test_mode="paper", dropout="none"), batch, train_step)
    before = copy.deepcopy(recipe.state_dict())
    source = batch(2, 64)["source"]
    found = recipe.predict(source, {})
    assert all(torch.equal(value, before[name]) for name, value in recipe.state_dict().items())
    assert not any(module.training for module in recipe.modules())
    in_training = copy.deepcopy(recipe.networks["generator"]).train()
    assert torch.equal(found, in_training(2 * source - 1))
    assert recipe.whole_picture


def test_paper_mode_repeats_itself(batch, train_step) -> None:
    recipe = trained_a_little(build(64, test_mode="paper"), batch, train_step)
    source = batch(1, 64)["source"]
    assert torch.equal(recipe.predict(source, {}), recipe.predict(source, {}))
    assert not torch.equal(recipe.predict(source, {}), recipe.predict(source, {"noise_seed": 1}))


def test_gray_predicts_ab_and_keeps_lightness(batch, at) -> None:
    torch.manual_seed(0)
    recipe = create_model("pix2pix", task="gray2rgb", crop=32, width=4)
    target = batch(2, 32)["target"]
    views = recipe({"source": lightness(target), "target": target}, at)
    assert views["output"].shape == views["target"].shape == (2, 2, 32, 32)
    assert recipe.phase_views("generator", views, at)["logits_fake"].shape[0] == 2
    assert torch.allclose(recipe.compose(lightness(target), views["target"]), target, atol=2e-3)
    # Red is far out on a: 80 of 110 (CIE Lab of sRGB red: L 53.24, a 80.09, b 67.20).
    red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1).expand(1, 3, 32, 32)
    views = recipe({"source": lightness(red), "target": red}, at)
    assert views["source"].mean().item() == pytest.approx(53.24 / 50 - 1, abs=1e-3)
    assert views["target"].mean((0, 2, 3)).tolist() == pytest.approx([80.09 / 110, 67.20 / 110], abs=1e-3)


def test_halo_is_exact_and_a_picture_of_many_crops_is_translated() -> None:
    recipe = build(64, levels=4).eval()
    assert recipe.halo % recipe.stride == 0
    assert recipe.halo - recipe.stride < recipe.networks["generator"].radius <= recipe.halo
    source = torch.rand(1, 1, 16, 2 * recipe.halo + 48)
    middle = slice(recipe.halo + 16, recipe.halo + 32)
    with torch.no_grad():
        whole = recipe.predict(source, {})[..., middle]
        source[..., :16] = 0
        source[..., -16:] = 1
        assert torch.equal(recipe.predict(source, {})[..., middle], whole)


def test_batch_of_one_at_128(batch, train_step) -> None:
    recipe = build(128)
    for step in range(2):
        losses = train_step(recipe, batch(1, 128), step)
    assert all(torch.tensor(value).isfinite() for value in losses.values())


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_training_lowers_l1(task: str, batch, train_step) -> None:
    torch.manual_seed(0)
    recipe = create_model("pix2pix", task=task, crop=32, width=8, dropout="none")
    logs = [train_step(recipe, batch(4, 32, seed=step % 2), step)["generator/l1"] for step in range(30)]
    assert sum(logs[-4:]) < 0.5 * sum(logs[:4])
