"""Asymmetric CycleGAN: the objective, what each phase changes, reach, small pictures."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from nirgan.errors import NirganError
from nirgan.inference.run import translate_source
from nirgan.layers.pool import ImagePool
from nirgan.models import create_model
from nirgan.models.recipe import Recipe

TINY = {"width": 8, "n_res": 1}


def build(crop: int = 32, **options: object) -> Recipe:
    torch.manual_seed(0)
    return create_model("asym-cyclegan", crop=crop, **{**TINY, **options})


def test_networks_are_those_of_the_table() -> None:
    with torch.device("meta"):
        recipe = create_model("asym-cyclegan")
    counts = {name: sum(p.numel() for p in net.parameters()) for name, net in recipe.networks.items()}
    assert counts == {
        "generator": 34_494_147,
        "generator_back": 6_168_257,
        "discriminator": 7_125_059,
        "discriminator_back": 2_763_585,
    }


def test_views_and_their_shapes(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 32), at)
    for name in ("output", "compared", "target", "cycle_target"):
        assert views[name].shape == (2, 3, 32, 32)
    for name in ("source", "output_back", "cycle_source"):
        assert views[name].shape == (2, 1, 32, 32)
    assert len(recipe.phase_views("generator", views, at)["logits_fake"]) == 3


def test_generators_objective_by_hand(batch, at) -> None:
    recipe = build(lambda_back=0.5, lambda_cycle=7.0)
    views = recipe(batch(2, 32), at)
    views |= recipe.phase_views("generator", views, at)
    total = sum(t.weight * t.fn(views) for t in recipe.terms("generator", at) if t.active(0))
    to_colour = sum((logits - 1).square().mean() for logits in views["logits_fake"]) / 3
    back = (views["logits_fake_back"] - 1).square().mean()
    cycles = [(views[f"cycle_{side}"] - (2 * batch(2, 32)[side] - 1)).abs().mean() for side in ("source", "target")]
    by_hand = to_colour + 0.5 * back + 7 * sum(cycles)
    assert float(total.detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)


def test_discriminators_objective_by_hand(batch, at) -> None:
    recipe = build(pool_size=0)
    views = recipe(batch(2, 32), at)
    views |= recipe.phase_views("discriminator", views, at)
    values = {t.name: float(t.fn(views).detach()) for t in recipe.terms("discriminator", at)}
    pyramid = zip(views["logits_real"], views["logits_fake"], strict=True)
    to_colour = sum((real - 1).square().mean() + fake.square().mean() for real, fake in pyramid) / 6
    back = ((views["logits_real_back"] - 1).square().mean() + views["logits_fake_back"].square().mean()) / 2
    assert values == {
        "adversarial": pytest.approx(float(to_colour.detach()), rel=1e-5),
        "adversarial_back": pytest.approx(float(back.detach()), rel=1e-5),
    }


def test_terms_that_weigh_nothing_cost_nothing(batch, at) -> None:
    recipe = build(lambda_back=0.0, lambda_cycle=0.0)
    calls = dict.fromkeys(recipe.networks, 0)
    for name, network in recipe.networks.items():
        network.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    views = recipe(batch(2, 32), at)
    for phase in recipe.stages[0].phases:
        recipe.phase_views(phase.name, views, at)
    assert calls == {"generator": 1, "generator_back": 0, "discriminator": 3, "discriminator_back": 0}
    assert [phase.trains for phase in recipe.stages[0].phases] == [("generator",), ("discriminator",)]


def test_no_network_sees_one_picture_twice_in_a_phase(batch, at) -> None:
    recipe, seen = build(), {}
    for name, network in recipe.networks.items():
        network.register_forward_pre_hook(lambda _, args, name=name: seen.setdefault(name, []).append(args[0].detach()))
    views = recipe(batch(2, 32), at)
    for phase in recipe.stages[0].phases:
        views |= recipe.phase_views(phase.name, views, at)
        for inputs in seen.values():
            assert not any(torch.equal(a, b) for n, a in enumerate(inputs) for b in inputs[:n])
        seen.clear()


@pytest.mark.parametrize(
    "options", [{}, {"upsample": "resize", "gan": "bce"}, {"rec_direction": "A"}, {"lambda_identity": 5.0}]
)
def test_gradient_reaches_what_a_phase_trains_and_nothing_else(options, batch, at) -> None:
    recipe = build(**options)
    for phase in recipe.stages[0].phases:
        recipe.zero_grad(set_to_none=True)
        recipe.requires_grad_(False)
        for path in phase.trains:
            recipe.network(path).requires_grad_(True)
        views = {**batch(2, 32), **recipe(batch(2, 32), at)}
        views |= recipe.phase_views(phase.name, views, at)
        sum(t.weight * t.fn(views) for t in recipe.terms(phase.name, at) if t.active(0)).backward()
        for name, network in recipe.networks.items():
            reached = [p.grad is not None and bool(p.grad.any()) for p in network.parameters()]
            assert all(reached) if name in phase.trains else not any(reached)


def test_discriminators_phase_does_not_reach_the_generators(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 32), at)
    views |= recipe.phase_views("discriminator", views, at)
    sum(t.fn(views) for t in recipe.terms("discriminator", at)).backward()
    for name in ("generator", "generator_back"):
        assert all(p.grad is None for p in recipe.networks[name].parameters())


def test_direction_a_does_not_look_at_the_other_side(batch, phase_values) -> None:
    pairs = batch(4, 32)
    permuted = {**pairs, "target": pairs["target"][[2, 0, 3, 1]]}
    other = {**pairs, "target": batch(4, 32, seed=9)["target"]}
    one_way = build(rec_direction="A")
    first = phase_values(one_way, "generator", pairs)
    assert "cycle_target" not in first
    for changed in (permuted, other):
        assert torch.equal(phase_values(one_way, "generator", changed)["cycle_source"], first["cycle_source"])
    both = build(rec_direction="both")
    targets = [phase_values(both, "generator", each)["cycle_target"] for each in (pairs, other)]
    assert not torch.isclose(*targets)


def test_identity_tells_a_picture_from_its_negative(batch, at) -> None:
    recipe = build(lambda_identity=5.0)
    generator, back = recipe.networks["generator"], recipe.networks["generator_back"]
    generator.forward = lambda gray: gray.expand(-1, 3, -1, -1)
    back.forward = lambda rgb: rgb[:, :1]
    terms = {t.name: t for t in recipe.terms("generator", at)}
    assert terms["identity_target"].weight == terms["identity_source"].weight == 5.0
    pairs = batch(2, 32)
    views = recipe(pairs, at)
    target = 2 * pairs["target"] - 1
    spread = (target.mean(1, keepdim=True) - target).abs().mean()
    assert torch.isclose(terms["identity_target"].fn(views), spread)
    assert terms["identity_source"].fn(views) == 0
    generator.forward = lambda gray: -gray.expand(-1, 3, -1, -1)
    back.forward = lambda rgb: -rgb[:, :1]
    negative = recipe(pairs, at)
    assert torch.isclose(terms["cycle_source"].fn(negative), torch.zeros(()))  # the cycles do not mind
    assert terms["identity_target"].fn(negative) > 2 * spread
    assert terms["identity_source"].fn(negative) > 0.1


def test_pools_serve_the_discriminators(batch, at) -> None:
    recipe = build(pool_size=2)
    assert isinstance(recipe.pool, ImagePool)
    views = recipe(batch(2, 32), at)
    recipe.phase_views("discriminator", views, at)
    assert torch.equal(recipe.pool.get_extra_state()["images"], views["output"])
    assert torch.equal(recipe.pool_back.get_extra_state()["images"], views["output_back"])
    assert any("pool" in name for name in recipe.state_dict())
    assert not any("pool" in name for name in recipe.weight_names())


def test_a_paired_term_asks_for_pairs(batch, phase_values) -> None:
    unpaired, paired = build(), build(lambda_paired_l1=5.0)
    assert unpaired.stages[0].view == "unpaired"
    assert set(unpaired.pairings) == {"registered", "unregistered", "unpaired"}
    assert paired.stages[0].view == "image"
    assert paired.pairings == ("registered",)
    assert "paired_l1" not in phase_values(unpaired, "generator", batch(2, 32))
    assert "paired_l1" in phase_values(paired, "generator", batch(2, 32))


def test_the_paired_term_reads_what_registration_may_replace(batch, at) -> None:
    recipe = build(lambda_paired_l1=5.0)
    views = recipe(batch(2, 32), at)
    term = {t.name: t for t in recipe.terms("generator", at)}["paired_l1"]
    views["compared"] = views["target"] + 0.25
    assert float(term.fn(views)) == pytest.approx(0.25, abs=1e-6)


@pytest.mark.parametrize("crop", [16, 24, 33, 100])
def test_crops_that_do_not_fit_are_refused(crop: int) -> None:
    with pytest.raises(NirganError, match="multiple of 16, at least 32"):
        build(crop)


def test_a_negative_weight_is_refused() -> None:
    with pytest.raises(NirganError, match="'lambda_cycle' is -1"):
        build(lambda_cycle=-1.0)


def test_small_batches_with_batch_norm_are_warned_of_once(batch, at, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        for recipe in (build(), build(norm="instance")):
            recipe(batch(2, 32), at)
            recipe(batch(2, 32), at)
    assert len([r for r in caplog.records if "batch norm" in r.message]) == 1


def random_statistics(recipe: Recipe) -> Recipe:
    """Eval mode with statistics that matter, and weights large enough that far pixels still count."""
    for module in recipe.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
    return recipe.eval().double()


@pytest.mark.parametrize("n_res", [6, 9])
def test_halo_is_exact(n_res: int) -> None:
    recipe = random_statistics(build(n_res=n_res, width=2))
    side = 2 * recipe.halo + 3 * recipe.stride
    middle = slice(recipe.halo + recipe.stride, recipe.halo + 2 * recipe.stride)
    source = torch.rand(1, 1, 32, side, dtype=torch.float64)
    with torch.no_grad():
        whole = recipe.predict(source, {})[..., middle]
        beyond = source.clone()
        beyond[..., : recipe.stride] = 1 - beyond[..., : recipe.stride]
        beyond[..., -recipe.stride :] = 1 - beyond[..., -recipe.stride :]
        assert torch.equal(recipe.predict(beyond, {})[..., middle], whole)
        # A tile with this margin gives the same, a smaller one does not. (Where a core begins and ends on strides, the
        # last of them happens to be spare.)
        tile = source[..., recipe.stride : -recipe.stride]
        core = slice(recipe.halo, recipe.halo + recipe.stride)
        assert torch.allclose(recipe.predict(tile, {})[..., core], whole, atol=1e-12)
        cut = 2 * recipe.stride
        shorter = recipe.predict(tile[..., cut:-cut], {})
        core = slice(recipe.halo - cut, recipe.halo - cut + recipe.stride)
        assert not torch.allclose(shorter[..., core], whole, atol=1e-12)


def test_instance_norm_is_declared() -> None:
    assert build(norm="instance").whole_picture
    assert not build().whole_picture


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("size", [(16, 16), (16, 64), (48, 16)])
def test_one_stride_is_enough_to_translate(norm: str, size: tuple[int, int]) -> None:
    colour = translate_source(build(norm=norm).eval(), torch.rand(1, *size))
    assert colour.shape == (3, *size)
    assert 0 <= colour.min() <= colour.max() <= 1


def test_gray_goes_to_all_three_channels(batch, at) -> None:
    recipe = create_model("asym-cyclegan", task="gray2rgb", crop=32, **TINY)
    assert recipe(batch(2, 32), at)["output"].shape == (2, 3, 32, 32)


def test_several_source_channels() -> None:
    recipe = create_model("asym-cyclegan", source_channels=4, crop=32, **TINY)
    views = recipe({"source": torch.rand(2, 4, 32, 32), "target": torch.rand(2, 3, 32, 32)}, None)
    assert views["cycle_source"].shape == (2, 4, 32, 32)


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_training_lowers_the_cycles(norm: str, batch, train_step) -> None:
    recipe = build(norm=norm)
    logs = [train_step(recipe, batch(4, 32, seed=step % 2), step) for step in range(30)]
    cycles = [log["generator/cycle_source"] + log["generator/cycle_target"] for log in logs]
    assert sum(cycles[-3:]) < 0.75 * sum(cycles[:3])
