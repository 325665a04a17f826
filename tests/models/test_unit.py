"""UNIT: counts of both variants, the objective by hand, what is shared, what each phase changes, reach."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nirgan.config import RunConfig, resolve_config
from nirgan.errors import NirganError
from nirgan.inference.run import translate_source
from nirgan.models import create_model
from nirgan.models.recipe import Phase, Recipe
from nirgan.models.unit.variant import WEIGHTS, Weights
from nirgan.testing import conformance
from nirgan.training.runtime import Runtime
from nirgan.training.step import PhaseUpdate

SHARED = ("shared_encoder", "shared_decoder")
TINY: dict[str, dict[str, Any]] = {
    "shared-latent": {"width": 4, "layers": 3},
    "no-sharing": {"variant": "no-sharing", "width": 4, "layers": 2},
}
VARIANTS = pytest.mark.parametrize("variant", TINY)


def build(variant: str = "shared-latent", crop: int = 32, **options: object) -> Recipe:
    torch.manual_seed(0)
    return create_model("unit", crop=crop, **{**TINY[variant], **options})


def counts(**options: object) -> dict[str, int]:
    with torch.device("meta"):
        recipe = create_model("unit", **options)
    return {name: sum(p.numel() for p in net.parameters()) for name, net in recipe.networks.items()}


def total(counted: dict[str, int]) -> int:
    return sum(count for name, count in counted.items() if not name.startswith("discriminator"))


# --- networks ---------------------------------------------------------------------------------------------------------


def test_networks_of_the_paper() -> None:
    counted = counts()
    assert counted == {
        "encoder_source": 3_912_704,
        "encoder_target": 3_918_976,
        "decoder_source": 3_909_377,
        "decoder_target": 3_909_507,
        "shared_encoder": 1_180_160,
        "shared_decoder": 1_180_160,
        "discriminator_source": 25_147_905,  # two input channels less: 2 · 9 · 64
        "discriminator_target": 25_149_057,
    }
    assert total(counted) == 18_010_884


def test_networks_without_sharing() -> None:
    counted = counts(variant="no-sharing")
    assert total(counted) == 22_268_420
    assert counted["discriminator_target"] == 3 * 2_757_057
    assert not any(name in counted for name in SHARED)


def test_discriminators_at_several_scales_have_four_layers_each() -> None:
    assert counts(scales=3)["discriminator_target"] == 3 * 1_551_489
    assert counts(scales=1, layers=4)["discriminator_target"] == 1_551_489


@VARIANTS
def test_codes_are_a_quarter_of_the_picture(variant: str, at, batch) -> None:
    views = build(variant)(batch(2, 32), at)
    for side, channels in (("source", 1), ("target", 3)):
        assert views[f"code_{side}"].shape == views[f"code_back_{side}"].shape == (2, 16, 8, 8)
        for name in (side, f"same_{side}", f"fake_{side}", f"cycle_{side}"):
            assert views[name].shape == (2, channels, 32, 32)
    assert views["output"] is views["compared"] is views["fake_target"]


def test_variants_start_from_their_own_weights() -> None:
    shared, separate = build(width=16), build("no-sharing", width=16)
    for recipe, expected in ((shared, 0.02), (separate, (2 / (9 * 64)) ** 0.5)):
        convs = [m for m in recipe.networks["encoder_source"].modules() if isinstance(m, nn.Conv2d)]
        assert float(convs[-1].weight.detach().std()) == pytest.approx(expected, rel=0.05)
        assert not any(conv.bias.detach().any() for conv in convs)
        judge = recipe.networks["discriminator_target"]
        widest = max((m for m in judge.modules() if isinstance(m, nn.Conv2d)), key=lambda m: m.weight.numel())
        assert float(widest.weight.detach().std()) == pytest.approx(0.02, rel=0.1)


# --- the objective ----------------------------------------------------------------------------------------------------


def summed(recipe: Recipe, phase: str, views: dict[str, Any], at: Any) -> Tensor:
    views |= recipe.phase_views(phase, views, at)
    return sum(t.weight * t.fn(views) for t in recipe.terms(phase, at) if t.active(0))


def test_generators_objective_of_the_paper_by_hand(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 32), at)
    found = summed(recipe, "generator", views, at)
    by_hand = torch.zeros(())
    for side in ("source", "target"):
        picture = 2 * batch(2, 32)[side] - 1
        by_hand += 10 * torch.log1p(torch.exp(-views[f"logits_fake_{side}"])).mean()
        by_hand += 100 * (views[f"same_{side}"] - picture).abs().mean()
        by_hand += 0.1 * views[f"code_{side}"].pow(2).mean()
        by_hand += 100 * (views[f"cycle_{side}"] - picture).abs().mean()
        by_hand += 0.1 * views[f"code_back_{side}"].pow(2).mean()
    assert float(found.detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)


def test_discriminators_objective_of_the_paper_by_hand(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 32), at)
    found = summed(recipe, "discriminator", views, at)
    real = sum(-torch.log(torch.sigmoid(views[f"logits_real_{side}"])).mean() for side in ("source", "target"))
    fake = sum(-torch.log(torch.sigmoid(-views[f"logits_fake_{side}"])).mean() for side in ("source", "target"))
    assert float(found.detach()) == pytest.approx(float((10 * (real + fake)).detach()), rel=1e-4)


def test_objectives_without_sharing_by_hand(batch, at) -> None:
    recipe = build("no-sharing")
    views = recipe(batch(2, 32), at)
    found = summed(recipe, "discriminator", views, at)
    by_hand = torch.zeros(())
    for side in ("source", "target"):
        assert len(views[f"logits_real_{side}"]) == len(views[f"logits_fake_{side}"]) == 3
        by_hand += sum((each - 1).square().mean() for each in views[f"logits_real_{side}"])
        by_hand += sum(each.square().mean() for each in views[f"logits_fake_{side}"])
    assert float(found.detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)
    weights = {term.name: term.weight for term in recipe.terms("generator", at)}
    assert weights["adversarial_target"] == 1
    assert weights["reconstruction_source"] == weights["cycle_target"] == 10
    assert weights["kl_source"] == weights["kl_back_target"] == 0.01
    fooled = next(term for term in recipe.terms("generator", at) if term.name == "adversarial_target")
    maps = recipe.phase_views("generator", views, at)["logits_fake_target"]
    expected = sum((each - 1).square().mean() for each in maps)
    assert torch.isclose(fooled.fn({"logits_fake_target": maps}), expected)


def test_code_of_nothing_costs_nothing(at) -> None:
    kl = {term.name: term for term in build().terms("generator", at)}["kl_source"]
    assert kl.fn({"code_source": torch.zeros(1, 4, 2, 2)}) == 0
    assert kl.fn({"code_source": torch.full((1, 4, 2, 2), -3.0)}) == 9


@VARIANTS
def test_weights_that_are_not_given_follow_the_variant(variant: str, at) -> None:
    names = {"adversarial": "gan", "reconstruction": "reconstruction", "kl": "kl", "cycle": "cycle"}
    names["kl_back"] = "kl_back"

    def weights(**options: object) -> dict[str, float]:
        return {t.name: t.weight for t in build(variant, **options).terms("generator", at)}

    def expected(of: Weights) -> dict[str, float]:
        return {f"{n}_{side}": getattr(of, own) for n, own in names.items() for side in ("source", "target")}

    assert weights() == expected(WEIGHTS[variant])
    assert weights(lambda_kl=0.0, lambda_cycle=3.0) == expected(replace(WEIGHTS[variant], kl=0.0, cycle=3.0))


def test_the_criterion_may_be_chosen(batch, at) -> None:
    recipe = build(gan="lsgan")
    views = recipe(batch(2, 32), at)
    value = {t.name: t for t in recipe.terms("generator", at)}["adversarial_source"]
    logits = recipe.phase_views("generator", views, at)["logits_fake_source"]
    assert torch.isclose(value.fn({"logits_fake_source": logits}), (logits - 1).square().mean())


# --- what is shared, what learns --------------------------------------------------------------------------------------


def test_both_directions_run_through_the_same_blocks_which_are_stepped_once(batch, at) -> None:
    recipe = build()
    read: dict[str, list[Tensor]] = {name: [] for name in SHARED}
    for name in SHARED:
        recipe.networks[name].register_forward_hook(lambda _, __, out, name=name: read[name].append(out))
    views = recipe(batch(2, 32), at)
    assert {name: len(outs) for name, outs in read.items()} == dict.fromkeys(SHARED, 4)
    for name, code in zip(
        ("code_source", "code_back_source", "code_target", "code_back_target"), read[SHARED[0]], strict=True
    ):
        assert views[name] is code
    phase = recipe.stages[0].phases[1]
    assert phase.name == "generator"
    stepped = PhaseUpdate(recipe, phase, phase.optimiser, Runtime(device="cpu")).optimiser.param_groups[0]["params"]
    ids = [id(parameter) for parameter in stepped]
    assert len(ids) == len(set(ids))
    held = [
        p for name, net in recipe.networks.items() if not name.startswith("discriminator") for p in net.parameters()
    ]
    assert set(ids) == {id(parameter) for parameter in held}


@pytest.mark.parametrize("term", ["reconstruction", "adversarial", "cycle"])
@pytest.mark.parametrize("side", ["source", "target"])
def test_every_kind_of_term_reaches_the_shared_blocks(term: str, side: str, batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 32), at)
    views |= recipe.phase_views("generator", views, at)
    {t.name: t for t in recipe.terms("generator", at)}[f"{term}_{side}"].fn(views).backward()
    for name in SHARED:
        weights = [m.weight for m in recipe.networks[name].modules() if isinstance(m, nn.Conv2d)]
        assert all(weight.grad is not None and weight.grad.any() for weight in weights)


@VARIANTS
@pytest.mark.parametrize(
    "options",
    [{}, {"head": "affine"}, {"scales": 2}, {"lambda_cycle": 0.0, "lambda_kl_back": 0.0}, {"lambda_gan": 0.0}],
)
def test_gradient_reaches_what_a_phase_trains_and_nothing_else(variant: str, options: dict, batch, at) -> None:
    recipe = build(variant, **options)
    for phase in recipe.stages[0].phases:
        recipe.zero_grad(set_to_none=True)
        recipe.requires_grad_(False)
        for path in phase.trains:
            recipe.network(path).requires_grad_(True)
        views = {**batch(2, 32), **recipe(batch(2, 32), at)}
        summed(recipe, phase.name, views, at).backward()
        for name, network in recipe.networks.items():
            reached = [p.grad is not None and bool(p.grad.any()) for p in network.parameters()]
            assert all(reached) if name in phase.trains else not any(reached), (phase.name, name)


def test_discriminators_phase_does_not_reach_the_generators(batch, at) -> None:
    recipe = build()
    views = recipe(batch(2, 32), at)
    summed(recipe, "discriminator", views, at).backward()
    for name in ("encoder_source", "decoder_target", *SHARED):
        assert all(p.grad is None for p in recipe.networks[name].parameters())


def test_terms_that_weigh_nothing_cost_nothing(batch, at) -> None:
    recipe = build(lambda_gan=0.0, lambda_cycle=0.0, lambda_kl_back=0.0)
    calls = dict.fromkeys(recipe.networks, 0)
    for name, network in recipe.networks.items():
        network.register_forward_hook(lambda *_, name=name: calls.update({name: calls[name] + 1}))
    views = recipe(batch(2, 32), at)
    assert [phase.name for phase in recipe.stages[0].phases] == ["generator"]
    assert recipe.phase_views("generator", views, at) == {}
    expected = {"encoder_source": 1, "encoder_target": 1, "decoder_source": 1, "decoder_target": 2}
    expected |= {"shared_encoder": 2, "shared_decoder": 2, "discriminator_source": 0, "discriminator_target": 0}
    assert calls == expected


@VARIANTS
def test_no_network_sees_one_picture_twice_in_a_phase(variant: str, batch, at) -> None:
    recipe, seen = build(variant), {}
    for name, network in recipe.networks.items():
        network.register_forward_pre_hook(lambda _, args, name=name: seen.setdefault(name, []).append(args[0].detach()))
    views = recipe(batch(2, 32), at)
    for phase in recipe.stages[0].phases:
        recipe.phase_views(phase.name, views, at)
        for inputs in seen.values():
            assert not any(torch.equal(a, b) for n, a in enumerate(inputs) for b in inputs[:n])
        seen.clear()


def test_rates_are_those_of_the_variants() -> None:
    phases: list[Phase] = [*build().stages[0].phases, *build("no-sharing").stages[0].phases]
    assert {phase.optimiser.lr for phase in phases} == {1e-4}
    assert {phase.optimiser.weight_decay for phase in phases} == {1e-4}
    assert [phase.optimiser.schedule.name for phase in phases] == ["constant", "constant", "steps", "steps"]


# --- noise ------------------------------------------------------------------------------------------------------------


@VARIANTS
def test_noise_comes_from_the_steps_generator_alone(variant: str, batch, at) -> None:
    recipe, others = build(variant), torch.get_rng_state()

    def code_and_picture(seed: int) -> tuple[Tensor, Tensor]:
        views = recipe(batch(2, 32), replace(at, generator=torch.Generator().manual_seed(seed)))
        return views["code_source"], views["same_source"]

    first, same, other = code_and_picture(1), code_and_picture(1), code_and_picture(2)
    assert torch.equal(first[0], same[0])
    assert torch.equal(first[1], same[1])
    assert torch.equal(first[0], other[0])  # the mean of a code holds no noise
    assert not torch.equal(first[1], other[1])
    assert torch.equal(others, torch.get_rng_state())


@VARIANTS
def test_without_training_there_is_no_noise(variant: str, batch, at) -> None:
    recipe = build(variant).eval()
    pairs = batch(2, 32)
    state = at.generator.get_state()
    views = recipe(pairs, at)
    assert torch.equal(at.generator.get_state(), state)
    assert torch.equal(recipe.predict(pairs["source"], {}), views["output"])
    assert torch.equal(build(variant, noise=0.0)(pairs, at)["output"], views["output"])


# --- prediction -------------------------------------------------------------------------------------------------------


def without_norms(recipe: Recipe) -> Recipe:
    """Weights large enough that far pixels count, no statistics of the whole picture, nothing cut off at zero."""
    for module in recipe.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.InstanceNorm2d | nn.GroupNorm):
                setattr(module, name, nn.Identity())
            elif isinstance(child, nn.ReLU):
                setattr(module, name, nn.LeakyReLU(0.2))
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, 0.2)
    nn.init.normal_(recipe.networks["decoder_target"].body[-1].weight, 0, 1e-3)  # tanh must not saturate
    return recipe.eval().double()


@pytest.mark.parametrize(
    ("variant", "options", "radius"),
    [
        ("shared-latent", {}, 73),
        ("shared-latent", {"upsample": "resize", "head": "affine"}, 76),
        ("no-sharing", {}, 82),
    ],
)
def test_halo_is_the_radius(variant: str, options: dict, radius: int) -> None:
    recipe = without_norms(build(variant, **options, width=2))
    assert recipe.halo == -(-radius // recipe.stride) * recipe.stride
    middle = recipe.halo + recipe.stride
    source = torch.rand(1, 1, 16, 2 * middle + recipe.stride, dtype=torch.float64)
    assert max(reach(recipe, source, middle + phase) for phase in range(recipe.stride)) == radius


def reach(recipe: Recipe, source: Tensor, column: int) -> int:
    """Farthest column that the output's ``column`` depends on."""
    source = source.clone().requires_grad_()
    recipe.predict(source, {})[..., column].sum().backward()
    columns = source.grad.abs().sum((0, 1, 2)).nonzero().flatten()
    return int((columns - column).abs().max())


@VARIANTS
def test_statistics_of_the_whole_picture_are_declared(variant: str) -> None:
    assert build(variant).whole_picture


@VARIANTS
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (8, 20), (5, 64)])
def test_small_pictures(variant: str, size: tuple[int, int]) -> None:
    colour = translate_source(build(variant).eval(), torch.rand(1, *size))
    assert colour.shape == (3, *size)
    assert 0 <= colour.min() <= colour.max() <= 1


def test_affine_head_starts_near_a_copy(batch) -> None:
    source = batch(2, 32)["source"]
    guided = build(head="affine").eval().predict(source, {})
    assert (guided - torch.tanh(2 * source - 1)).abs().mean() < 0.05


def test_gray_goes_to_all_three_channels(batch, at) -> None:
    recipe = create_model("unit", task="gray2rgb", crop=32, **TINY["shared-latent"])
    assert recipe(batch(2, 32), at)["output"].shape == (2, 3, 32, 32)


# --- what cannot work -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crop", "options"),
    [(32, {}), (66, {}), (4, {"layers": 1}), (32, {"variant": "no-sharing"}), (32, {"scales": 3}), (64, {"scales": 4})],
)
def test_crops_that_do_not_fit_are_refused(crop: int, options: dict) -> None:
    with pytest.raises(NirganError, match="multiple of 4, at least"):
        create_model("unit", crop=crop, **{"width": 4, **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"lambda_gan": 0.0, "lambda_reconstruction": 0.0, "lambda_cycle": 0.0}, "nothing trains the decoders"),
        ({"variant": "no-sharing", "upsample": "transpose"}, "no-sharing always resizes"),
        ({"lambda_kl": -1.0}, "'lambda_kl' is -1"),
        ({"dropout": 1.0}, "'dropout' is 1"),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict, words: str) -> None:
    with pytest.raises(NirganError, match=words):
        create_model("unit", crop=64, **options)


# --- the other variant passes the conformance suite, too --------------------------------------------------------------


class TestNoSharing(conformance("unit")):
    """The default variant passes with all recipes."""

    def config(self, **changes: Any) -> RunConfig:
        options = {"variant": "no-sharing", "width": 4, "layers": 2}
        return resolve_config({"model": "unit", "preset": "tiny", "options": options, **changes})

    @pytest.mark.slow
    def test_two_processes_equal_one(self, scenes: Path, tmp_path: Path) -> None:
        super().test_two_processes_equal_one(scenes, tmp_path)
