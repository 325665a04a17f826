"""CycleGAN: the objective, identity, what each phase changes, pools, schedule, reach."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nirgan.errors import NirganError
from nirgan.inference.run import translate_source
from nirgan.layers.residual import ResidualBlock
from nirgan.models import create_model
from nirgan.models.recipe import Recipe
from nirgan.training.optim import rate_factor

TINY = {"width": 8, "n_res": 1}
WITH_IDENTITY = {"replicate_source": True, "lambda_identity": 5.0}


def build(crop: int = 32, **options: object) -> Recipe:
    torch.manual_seed(0)
    return create_model("cyclegan", crop=crop, **{**TINY, **options})


def on_meta(**arguments: object) -> Recipe:
    with torch.device("meta"):
        return create_model("cyclegan", **arguments)


def counts(**arguments: object) -> dict[str, int]:
    return {name: sum(p.numel() for p in net.parameters()) for name, net in on_meta(**arguments).networks.items()}


def test_networks_are_those_of_the_paper() -> None:
    assert counts() == {
        "generator": 11_371_907,
        "generator_back": 11_371_905,
        "discriminator": 2_764_737,
        "discriminator_back": 2_762_689,
    }
    assert counts(crop=128)["generator"] == 7_831_427
    replicated = counts(replicate_source=True)
    assert replicated["generator"] == replicated["generator_back"] == 11_378_179
    assert replicated["discriminator"] == replicated["discriminator_back"] == 2_764_737


def test_networks_are_equal_both_ways_but_for_channels() -> None:
    networks = on_meta().networks
    for there, back in (("generator", "generator_back"), ("discriminator", "discriminator_back")):
        shapes = [[tuple(p.shape) for p in networks[name].parameters()] for name in (there, back)]
        different = [n for n, (a, b) in enumerate(zip(*shapes, strict=True)) if a != b]
        last = len(shapes[0]) - 1
        assert set(different) == ({0, last - 1, last} if there == "generator" else {0})


@pytest.mark.parametrize(("crop", "blocks"), [(128, 6), (252, 6), (256, 9), (512, 9)])
def test_blocks_follow_the_crop(crop: int, blocks: int) -> None:
    networks = on_meta(crop=crop, width=2).networks
    for name in ("generator", "generator_back"):
        assert sum(isinstance(module, ResidualBlock) for module in networks[name].modules()) == blocks


def test_chosen_blocks() -> None:
    assert sum(isinstance(m, ResidualBlock) for m in build(256, n_res=2).networks["generator"].modules()) == 2


def test_views_and_their_shapes(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 32), at)
    for name in ("output", "compared", "target", "cycle_target"):
        assert views[name].shape == (2, 3, 32, 32)
    for name in ("source", "output_back", "cycle_source"):
        assert views[name].shape == (2, 1, 32, 32)
    assert "identity_target" not in views


def test_logits_at_256_are_30_by_30(at, batch) -> None:
    recipe = build(256, n_res=0, width=2)
    views = recipe(batch(1, 256), at)
    logits = recipe.phase_views("generator", views, at)
    assert logits["logits_fake"].shape == logits["logits_fake_back"].shape == (1, 1, 30, 30)


def test_generators_objective_by_hand(batch, at) -> None:
    recipe, pairs = build(lambda_cycle=7.0, **WITH_IDENTITY), batch(2, 32)
    views = recipe(pairs, at)
    views |= recipe.phase_views("generator", views, at)
    total = sum(t.weight * t.fn(views) for t in recipe.terms("generator", at) if t.active(0))
    there, back, judge, judge_back = recipe.networks.values()
    source, target = 2 * pairs["source"].repeat(1, 3, 1, 1) - 1, 2 * pairs["target"] - 1
    adversarial = (judge(there(source)) - 1).square().mean() + (judge_back(back(target)) - 1).square().mean()
    cycles = (back(there(source)) - source).abs().mean() + (there(back(target)) - target).abs().mean()
    identities = (there(target) - target).abs().mean() + (back(source) - source).abs().mean()
    by_hand = adversarial + 7 * cycles + 5 * identities
    assert float(total.detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)


def test_the_papers_objective_has_cycles_ten_times_and_no_identity(batch, at) -> None:
    recipe = build()
    weights = {t.name: t.weight for t in recipe.terms("generator", at) if t.active(0)}
    assert weights == {"adversarial": 1.0, "adversarial_back": 1.0, "cycle_source": 10.0, "cycle_target": 10.0}


def test_discriminators_objective_by_hand(batch, at) -> None:
    recipe, pairs = build(pool_size=0), batch(2, 32)
    views = recipe(pairs, at)
    views |= recipe.phase_views("discriminator", views, at)
    values = {t.name: float(t.weight * t.fn(views).detach()) for t in recipe.terms("discriminator", at)}
    there, back, judge, judge_back = recipe.networks.values()
    source, target = 2 * pairs["source"] - 1, 2 * pairs["target"] - 1
    with torch.no_grad():
        to_colour = ((judge(target) - 1).square().mean() + judge(there(source)).square().mean()) / 2
        to_source = ((judge_back(source) - 1).square().mean() + judge_back(back(target)).square().mean()) / 2
    assert values == {
        "adversarial": pytest.approx(float(to_colour), rel=1e-5),
        "adversarial_back": pytest.approx(float(to_source), rel=1e-5),
    }


def test_generators_go_first_with_one_optimiser_each() -> None:
    phases = build().stages[0].phases
    assert [(phase.name, phase.trains) for phase in phases] == [
        ("generator", ("generator", "generator_back")),
        ("discriminator", ("discriminator", "discriminator_back")),
    ]
    assert all((phase.optimiser.lr, phase.optimiser.betas) == (2e-4, (0.5, 0.999)) for phase in phases)


@pytest.mark.parametrize(("epoch", "factor"), [(0, 1.0), (100, 1.0), (150, 0.5), (200, 0.0)])
def test_rate_by_epoch(epoch: int, factor: float) -> None:
    for phase in build().stages[0].phases:
        assert rate_factor(phase.optimiser.schedule, epoch / 200, epoch) == pytest.approx(factor)


@pytest.mark.parametrize("options", [{}, {"upsample": "resize", "head": "affine", "gan": "bce"}, WITH_IDENTITY])
def test_gradient_reaches_what_a_phase_trains_and_nothing_else(options, batch, at) -> None:
    recipe = build(norm="batch", **options)
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


@pytest.mark.parametrize("options", [{}, WITH_IDENTITY])
def test_no_network_sees_one_picture_twice_in_a_phase(options, batch, at) -> None:
    recipe, seen = build(**options), {}
    for name, network in recipe.networks.items():
        network.register_forward_pre_hook(lambda _, args, name=name: seen.setdefault(name, []).append(args[0].detach()))
    views = recipe(batch(2, 32), at)
    for phase in recipe.stages[0].phases:
        views |= recipe.phase_views(phase.name, views, at)
        for inputs in seen.values():
            assert not any(torch.equal(a, b) for n, a in enumerate(inputs) for b in inputs[:n])
        seen.clear()


@pytest.mark.parametrize(
    ("channels", "options", "message"),
    [
        (1, {"lambda_identity": 0.5}, "source has 1: set options.replicate_source=true or options.lambda_identity=0"),
        (4, {"lambda_identity": 0.5}, "source has 4: set options.lambda_identity=0"),
        (4, WITH_IDENTITY, "has 4: set options.replicate_source=false and options.lambda_identity=0"),
        (3, WITH_IDENTITY, "has 3: set options.replicate_source=false$"),
    ],
)
def test_identity_across_channel_counts_is_refused(channels: int, options: dict, message: str) -> None:
    with pytest.raises(NirganError, match=message):
        build(source_channels=channels, **options)


def test_identity_of_sources_with_three_channels(batch, at) -> None:
    recipe = build(source_channels=3, lambda_identity=5.0)
    views = recipe({**batch(2, 32), "source": torch.rand(2, 3, 32, 32)}, at)
    assert torch.equal(views["identity_target"], recipe.networks["generator"](views["target"]))
    assert torch.equal(views["identity_source"], recipe.networks["generator_back"](views["source"]))


def test_a_replicated_source_stays_grey(batch, at) -> None:
    recipe = build(replicate_source=True)
    views = recipe(batch(2, 32), at)
    for name in ("source", "output_back", "cycle_source"):
        assert views[name].shape == (2, 3, 32, 32)
        assert torch.equal(views[name], views[name][:, :1].expand_as(views[name]))
    drawn = recipe.networks["generator_back"][0](views["target"])
    assert drawn.std(dim=1).mean() > 1e-3
    assert torch.allclose(views["output_back"][:, 0], drawn.mean(dim=1))
    assert recipe.eval().predict(batch(2, 32)["source"], {}).shape == (2, 3, 32, 32)


def test_discriminators_see_stored_pictures_half_the_time(batch, at) -> None:
    recipe = build(pool_size=5)
    views = recipe(batch(1, 32), at)
    judged: list[float] = []
    recipe.networks["discriminator"].register_forward_pre_hook(lambda _, args: judged.append(float(args[0].mean())))
    stored = 0
    for number in range(105):
        judged.clear()
        views["output"] = torch.full((1, 3, 32, 32), float(number))
        recipe.phase_views("discriminator", views, at)
        stored += judged[1] != number  # real ones come first
        assert number >= 5 or not stored
    assert 25 < stored < 75  # five standard deviations of 100 draws are 25
    assert create_model("cyclegan", **TINY).pool.size == create_model("cyclegan", **TINY).pool_back.size == 50


def test_the_affine_head_begins_with_copies(batch, at) -> None:
    recipe = build(head="affine", width=16, **WITH_IDENTITY)
    views = recipe(batch(2, 32), at)
    copies = torch.tanh(views["source"]), torch.tanh(views["target"].mean(1, keepdim=True))
    for name, copy in zip(("output", "output_back"), copies, strict=True):
        assert (views[name] - copy).abs().mean() < 0.05


def test_data_comes_unpaired_whatever_it_is() -> None:
    recipe = build()
    assert recipe.stages[0].view == "unpaired"
    assert set(recipe.pairings) == {"registered", "unregistered", "unpaired"}


@pytest.mark.parametrize("crop", [16, 28, 33, 130])
def test_crops_that_do_not_fit_are_refused(crop: int) -> None:
    with pytest.raises(NirganError, match="multiple of 4, at least 32"):
        build(crop)


@pytest.mark.parametrize("options", [{"n_res": 6}, {"n_res": 9, "upsample": "resize"}])
def test_halo_is_exact(options: dict[str, object]) -> None:
    recipe = build(width=2, norm="batch", **options)
    for module in recipe.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
        elif isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
    recipe = recipe.eval().double()
    radius = recipe.networks["generator"].radius
    assert radius <= recipe.halo < radius + 4
    assert recipe.halo % 4 == 0
    side = 2 * recipe.halo + 3 * 4
    source = torch.rand(1, 1, 32, side, dtype=torch.float64)
    with torch.no_grad():
        whole = recipe.predict(source, {})[..., recipe.halo + 4 : recipe.halo + 8]
        tile = recipe.predict(source[..., 4:-4], {})[..., recipe.halo : recipe.halo + 4]
        assert torch.allclose(tile, whole, atol=1e-12)
        shorter = recipe.predict(source[..., 12:-12], {})[..., recipe.halo - 8 : recipe.halo - 4]
        assert not torch.allclose(shorter, whole, atol=1e-12)


def test_instance_norm_is_declared() -> None:
    assert build().whole_picture
    assert not build(norm="batch").whole_picture


@pytest.mark.parametrize("size", [(4, 4), (8, 8), (4, 64), (50, 9)])
def test_small_pictures_are_translated(size: tuple[int, int]) -> None:
    colour = translate_source(build(**WITH_IDENTITY).eval(), torch.rand(1, *size))
    assert colour.shape == (3, *size)
    assert 0 <= colour.min() <= colour.max() <= 1


def test_gray_goes_to_all_three_channels(batch, at) -> None:
    recipe = build(task="gray2rgb")
    assert recipe(batch(2, 32), at)["output"].shape == (2, 3, 32, 32)


@pytest.mark.parametrize("options", [{}, WITH_IDENTITY])
def test_training_lowers_the_cycles(options, batch, train_step) -> None:
    recipe = build(**options)
    logs = [train_step(recipe, batch(2, 32, seed=step % 2), step) for step in range(20)]
    cycles = [log["generator/cycle_source"] + log["generator/cycle_target"] for log in logs]
    assert sum(cycles[-3:]) < 0.75 * sum(cycles[:3])
