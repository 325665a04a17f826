"""nirgan-base: each idea by hand and on its own, both tasks, what translation needs."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.color import lightness
from nirgan.color.ab_bins import ab_bins
from nirgan.color.lab import lab_to_rgb, rgb_to_lab
from nirgan.config import resolve_config
from nirgan.errors import NirganError
from nirgan.generators.unet import UNet
from nirgan.inference.run import translate_source
from nirgan.models import create_model
from nirgan.models.recipe import At, Recipe
from nirgan.testing import synthetic_batch
from nirgan.testing.conformance import run_steps
from nirgan.training.train import method_of

TINY = {"widths": (8, 16, 16), "blocks": (1, 1), "dilations": (1,), "judge_width": 8}
WEIGHTS = (
    "l1",
    "l2",
    "gain",
    "ssim",
    "angular",
    "luminance",
    "chroma",
    "edge",
    "shift",
    "coarse",
    "bins",
    "adversarial",
)
OFF = {f"lambda_{name}": 0.0 for name in WEIGHTS}
ALL = {f"lambda_{name}": 0.1 for name in WEIGHTS}
ALL_OF = {"nir2rgb": ALL, "gray2rgb": ALL | {"lambda_luminance": 0.0}}


def build(task: str = "nir2rgb", crop: int = 32, **options: Any) -> Recipe:
    torch.manual_seed(0)
    return create_model("nirgan-base", task=task, crop=crop, **{**TINY, **options})  # type: ignore[arg-type]


def lively(recipe: Recipe) -> Recipe:
    """In eval mode, with weights that let what is drawn show."""
    for module in recipe.networks["generator"].modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, module.weight[0].numel() ** -0.5)
    return recipe.eval().requires_grad_(False)


def faint(recipe: Recipe) -> Recipe:
    """The same with colours near grey, to which each member of the committee has its say."""
    lively(recipe)
    for member in recipe.networks["generator"].members:  # type: ignore[union-attr]
        last, gain = (member.out, 0.2) if isinstance(member, UNet) else (member.tail, 0.05)
        last.weight.mul_(gain)
        nn.init.zeros_(last.bias)
    return recipe


def at_step(step: int = 0) -> At:
    return At(step, 0, step, 0.0, "train", torch.Generator().manual_seed(step))


def active(recipe: Recipe, phase: str, step: int = 0) -> dict[str, Any]:
    return {term.name: term for term in recipe.terms(phase, at_step(step)) if term.active(step)}


def views_of(recipe: Recipe, batch: dict[str, Any], phase: str = "generator", step: int = 0) -> dict[str, Any]:
    views = {**batch, **recipe(batch, at_step(step))}
    return {**views, **recipe.phase_views(phase, views, at_step(step))}


# --- networks ---------------------------------------------------------------------------------------------------------


def of_preset(preset: str, task: str) -> int:
    config = resolve_config({"model": "nirgan-base", "preset": preset, "task": task})
    with torch.device("meta"):
        recipe = create_model("nirgan-base", task=config.task, crop=config.crop, **config.options)
    return sum(p.numel() for p in recipe.networks["generator"].parameters())


def test_counts_are_those_of_the_card() -> None:
    with torch.device("meta"):
        full, grey = create_model("nirgan-base"), create_model("nirgan-base", task="gray2rgb")
    counts = [sum(p.numel() for p in recipe.networks["generator"].parameters()) for recipe in (full, grey)]
    assert counts == [3_453_592, 3_451_280]
    assert [of_preset("paper", task) for task in ("nir2rgb", "gray2rgb")] == [10_701_296, 10_694_868]
    assert [of_preset("small", task) for task in ("nir2rgb", "gray2rgb")] == [3_789_716, 3_786_096]
    assert (full.stride, full.whole_picture, full.working_size) == (32, False, None)
    assert full.halo % 32 == 0
    assert set(full.networks) == {"generator"}  # other networks are there when an option asks for them


def test_other_networks_come_with_their_terms_and_are_not_needed_to_translate() -> None:
    recipe = build(lambda_bins=0.1, lambda_adversarial=0.1)
    assert set(recipe.networks) == {"generator", "bins", "discriminator"}
    assert [(phase.name, phase.trains) for phase in recipe.stages[0].phases] == [
        ("discriminator", ("discriminator",)),
        ("generator", ("generator", "bins")),
    ]
    assert all(name.startswith("networks.generator.") for name in recipe.weight_names())


@pytest.mark.parametrize(
    ("crop", "options", "message"),
    [
        (36, {}, "crop 36: give a multiple of 8, at least 32"),
        (24, {}, "at least 32"),
        (
            32,
            {"dilations": (1, 2)},
            "dilation 2 sees past a crop of 32, which is 4 features.*56 or more, or options.dilations of at most 1",
        ),
        (32, {"widths": (8, 8, 8, 8, 8), "blocks": (1, 1, 1, 1)}, "give a crop of 128 or more$"),
        (
            32,
            {"widths": (8,) * 5, "blocks": (1,) * 4, "dilations": (), "unets": 1},
            "U-Nets need a crop of 64 or more, not 32",
        ),
        (32, {"blocks": (1,)}, "3 widths and 1 numbers of blocks"),
        (32, OFF, "nothing to learn"),
        (32, {"kernel": 4}, "'kernel' is 4"),
        (32, {"task": "gray2rgb", "lambda_luminance": 1.0}, "gray2rgb keeps the source's lightness"),
        (32, {"lambda_edge": -1.0}, "'lambda_edge' is -1.0"),
        (32, {"unets": 1, "lambda_bins": 1.0}, "features that U-Nets lack: give options.unets=0"),
        (32, {"training_size": 64}, "give options.working_size, too"),
        (32, {"members": 0}, "'members' is 0"),
    ],
)
def test_what_does_not_fit_is_refused(crop: int, options: dict, message: str) -> None:
    with pytest.raises(NirganError, match=message):
        build(crop=crop, **options)


def test_lists_do_as_well_as_tuples() -> None:
    """YAML has no tuples."""
    assert build(widths=[8, 16, 16], blocks=[1, 0], dilations=[]).stride == 8


@pytest.mark.parametrize("preset", ["paper", "small"])
def test_presets_carry_augmentation(preset: str) -> None:
    config = resolve_config({"model": "nirgan-base", "preset": preset})
    assert config.dataset.augment.scale >= 0.25
    assert config.dataset.augment.brightness > 0


@pytest.mark.parametrize("preset", ["paper", "small"])
def test_presets_see_no_zeros_beyond_the_border_and_translate_at_the_size_they_learn_at(preset: str) -> None:
    options = resolve_config({"model": "nirgan-base", "preset": preset}).options
    assert options["padding"] == "replicate"  # zeros told places how far it is: a haze lay over those farthest off
    assert options["working_size"]
    assert options["training_size"] is None


# --- terms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
@pytest.mark.parametrize("name", WEIGHTS)
def test_each_idea_can_stand_alone(task: str, name: str) -> None:
    if (task, name) == ("gray2rgb", "luminance"):
        pytest.skip("it keeps the source's")
    recipe = build(task, **{**OFF, f"lambda_{name}": 2.0})
    found = active(recipe, "generator")
    assert {key: term.weight for key, term in found.items()} == {name: 2.0}
    value = found[name].fn(views_of(recipe, synthetic_batch(2, 32, task=task)))
    value.backward()
    assert value.isfinite()
    gradients = [p.grad for p in recipe.networks["generator"].parameters()]
    # The bins are told from features before the last.
    assert sum(gradient is not None and bool(gradient.any()) for gradient in gradients) > len(gradients) // 3


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"spectral": True, "augment_judged": True, "members": 2},
        {"block": "gated", "head": "direct"},
        {"unets": 1, "unet_width": 4, "lambda_bins": 0.0},
    ],
)
def test_all_ideas_train_together(task: str, more: dict[str, Any]) -> None:
    options = {**TINY, **ALL_OF[task], **more}
    config = resolve_config({"model": "nirgan-base", "preset": "tiny", "task": task, "options": options})
    recipe = build(task, **options)
    recorded = run_steps(recipe, synthetic_batch(2, 32, task=task), 3, method_of(config).optimiser)
    for phase in recipe.stages[0].phases:
        expected = {f"{path}.{name}" for path in phase.trains for name, _ in recipe.network(path).named_parameters()}
        assert recorded.gradients[phase.name] == expected
    assert all(value.isfinite() for losses in recorded.losses for value in losses.values())
    there = {f"generator/{name}" for name in WEIGHTS if options[f"lambda_{name}"]}
    assert recorded.losses[0].keys() == {"discriminator/adversarial", *there}


def test_terms_of_nir_by_hand() -> None:
    batch = synthetic_batch(2, 32)
    batch["target"] = 0.3 + 0.5 * batch["target"]  # nothing so dark that its direction is damped
    recipe = build(**ALL, angle="cosine")
    views = views_of(recipe, batch)
    unit = batch["target"] + 0.1
    views |= {"compared": 2 * unit - 1, "compared_rgb": unit}  # as a registration wrapper would
    values = {name: float(term.fn(views).detach()) for name, term in active(recipe, "generator").items()}
    assert values["l1"] == pytest.approx(0.2, rel=1e-4)  # of [-1, 1]
    assert values["l2"] == pytest.approx(0.01, rel=1e-4)  # of [0, 1]
    best = (batch["target"] * unit).sum((1, 2, 3), keepdim=True) / unit.square().sum((1, 2, 3), keepdim=True)
    assert values["gain"] == pytest.approx(float((best * unit - batch["target"]).abs().mean()), rel=1e-4)
    assert values["luminance"] == pytest.approx(0.1, rel=1e-4)
    assert values["chroma"] == pytest.approx(0, abs=1e-6)
    assert values["edge"] == pytest.approx(0, abs=1e-6)
    assert values["coarse"] == pytest.approx(0.1, rel=1e-4)
    assert values["shift"] <= 0.1 + 1e-5
    cosine = F.cosine_similarity(unit, batch["target"], dim=1)
    assert values["angular"] == pytest.approx(float((1 - cosine).mean()), abs=0.001)


def test_views_of_nir_are_one_picture_in_two_ranges() -> None:
    batch = synthetic_batch(2, 32)
    views = build()(batch, at_step())
    assert torch.equal(views["compared"], views["output"])
    assert torch.allclose(views["compared_rgb"], (views["output"] + 1) / 2)
    assert torch.equal(views["target"], 2 * batch["target"] - 1)
    assert torch.equal(views["target_rgb"], batch["target"])
    assert "bins" not in views


def test_grey_is_compared_in_true_lightness() -> None:
    batch = synthetic_batch(2, 32, task="gray2rgb")
    batch["source"] = 0.5 * batch["source"]  # as augmentation does
    views = build("gray2rgb")(batch, at_step())
    lab = rgb_to_lab(batch["target"])
    assert torch.allclose(110 * views["target"], lab[:, 1:], atol=1e-4)
    shown = build("gray2rgb")._shown(lab[:, 1:] / 110, batch["target"])  # type: ignore[operator]
    assert torch.allclose(shown, batch["target"], atol=1e-3)
    assert views["compared_rgb"].shape == (2, 3, 32, 32)
    assert torch.allclose(lightness(views["compared_rgb"].clamp(0, 1)), lightness(batch["target"]), atol=0.02)


def test_without_rgb_terms_no_rgb_is_made() -> None:
    views = build("gray2rgb", **{**OFF, "lambda_l1": 1.0})(synthetic_batch(2, 32, task="gray2rgb"), at_step())
    assert not {"compared_rgb", "target_rgb"} & set(views)


def test_bins_are_those_of_the_cells_mean_colour() -> None:
    batch = synthetic_batch(2, 32)
    batch["target"] = torch.tensor([0.8, 0.3, 0.2]).view(1, 3, 1, 1).expand(2, 3, 32, 32)
    views = build(lambda_bins=1.0)(batch, at_step())
    assert views["bin_logits"].shape == (2, 313, 4, 4)  # an eighth
    ab = rgb_to_lab(batch["target"][:1, :, :1, :1]).flatten()[1:]
    nearest = (ab_bins() - ab).norm(dim=1).argmin()
    assert (views["bins"][:, 0] == nearest).all()
    assert torch.allclose(views["shares"].sum(1), torch.ones(2, 4, 4))
    coarse = build(lambda_bins=1.0, finest=2)(batch, at_step())
    assert coarse["bin_logits"].shape == (2, 313, 4, 4)
    shallow = build(lambda_bins=1.0, widths=(8, 16), blocks=(1,))(batch, at_step())
    assert shallow["bin_logits"].shape == (2, 313, 8, 8)  # a quarter is the coarsest there is


def test_adversary_by_hand() -> None:
    recipe = build(lambda_adversarial=0.5)
    batch = synthetic_batch(2, 32)
    judged: list[Tensor] = []
    recipe.networks["discriminator"].register_forward_pre_hook(lambda _, given: judged.append(given[0]))
    views = views_of(recipe, batch, "discriminator")
    assert torch.equal(judged[0], torch.cat([views["source"], views["target"]], 1))
    assert torch.equal(judged[1], torch.cat([views["source"], views["output"]], 1))
    assert not judged[1].requires_grad
    value = active(recipe, "discriminator")["adversarial"].fn(views)
    by_hand = ((views["logits_real"] - 1).square().mean() + views["logits_fake"].square().mean()) / 2
    assert torch.isclose(value, by_hand)
    views = views_of(recipe, batch)
    fooled = active(recipe, "generator")["adversarial"]
    assert fooled.weight == 0.5
    assert torch.isclose(fooled.fn(views), (views["logits_fake"] - 1).square().mean())


@pytest.mark.parametrize(("task", "lit"), [("nir2rgb", 4), ("gray2rgb", 1)])
def test_both_sides_are_changed_alike(task: str, lit: int) -> None:
    recipe = build(task, lambda_adversarial=0.5, augment_judged=True)
    judged: list[Tensor] = []
    recipe.networks["discriminator"].register_forward_pre_hook(lambda _, given: judged.append(given[0]))
    batch = synthetic_batch(2, 32, task=task)
    views = recipe(batch, at_step())
    views["output"] = views["target"]  # so that both sides are one picture
    recipe.phase_views("discriminator", views, at_step())
    assert torch.equal(judged[0], judged[1])
    plain = torch.cat([views["source"], views["target"]], 1)
    assert not torch.equal(judged[0], plain)
    # Where a channel is constant, its level shows whether it was lit.
    flat = {**views, "source": torch.zeros_like(views["source"])}
    flat |= {"target": torch.zeros_like(views["target"]), "output": torch.zeros_like(views["target"])}
    recipe.phase_views("discriminator", flat, at_step())
    moved = [bool(judged[2][:, channel].any()) for channel in range(judged[2].shape[1])]
    assert moved == [channel < lit for channel in range(len(moved))]


def test_warm_up_has_no_adversary() -> None:
    recipe, calls = build(lambda_adversarial=0.5, warmup_steps=5), []
    recipe.networks["discriminator"].register_forward_pre_hook(lambda *_: calls.append(1))
    for step, there in ((4, False), (5, True)):
        views_of(recipe, synthetic_batch(2, 32), step=step)
        assert ("adversarial" in active(recipe, "generator", step)) == there
        assert ("adversarial" in active(recipe, "discriminator", step)) == there
        assert bool(calls) == there


# --- beside other parts -----------------------------------------------------------------------------------------------


def test_registration_moves_both_compared_pictures() -> None:
    recipe = build(registration=True, registration_width=4)
    views = recipe(synthetic_batch(2, 32), at_step())
    assert torch.allclose(views["compared_rgb"], (views["compared"] + 1) / 2, atol=1e-5)
    assert "registration" in recipe.stages[0].phases[-1].trains


@pytest.mark.parametrize("unets", [0, 2])
@pytest.mark.parametrize("head", ["curves", "affine", "direct"])
@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_training_and_prediction_draw_the_same(task: str, head: str, unets: int) -> None:
    # Grey pictures get colours that sRGB has; NIR ones need something to see.
    recipe = build(task, head=head, unets=unets, unet_width=4)
    recipe = lively(recipe) if task == "nir2rgb" else faint(recipe)
    batch = synthetic_batch(1, 32, task=task)
    seen = recipe(batch, at_step())
    composed = recipe.compose(batch["source"], recipe.predict(batch["source"], {}))
    if task == "nir2rgb":
        assert torch.allclose(composed, seen["compared_rgb"].clamp(0, 1), atol=1e-5)
        return
    assert seen["output"].abs().mean() > 0.005  # half a unit of a and b
    shown = torch.cat([100 * batch["source"], 110 * seen["output"]], 1)
    inside = ((plain := lab_to_rgb(shown, clip=False)) > 0).all(1) & (plain < 1).all(1)
    assert inside.any()
    off = (composed - plain).abs().amax(1)[inside]
    assert off.max() < 1e-3
    assert (lightness(composed) - batch["source"]).abs().max() < 1e-3


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"block": "gated", "kernel": 5, "head": "affine"},
        {"head": "direct", "dilations": (1, 1)},
        {"members": 2, "finest": 1},
        {"members": 1, "unets": 2, "unet_width": 4},
        {"cell": 4, "widths": (8, 16), "blocks": (1,), "padding": "replicate"},
    ],
)
@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_tiles_equal_the_whole_picture(task: str, options: dict[str, Any]) -> None:
    # Colours within sRGB: outside, chroma is reduced in steps.
    recipe = (lively if task == "nir2rgb" else faint)(build(task, **options))
    side = 3 * recipe.halo + 2 * recipe.stride
    source = torch.rand(1, side // 2, 2 * side, generator=torch.Generator().manual_seed(0))
    whole, tiled = (translate_source(recipe, source, tile=tile) for tile in (0, side))
    assert (whole - tiled).abs().max() < 1e-4
    assert (whole - source).abs().max() > 0.01  # not just the source
    assert whole.std() > 0.01


@pytest.mark.parametrize("unets", [0, 1])
@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_a_smaller_working_size_keeps_the_detail(task: str, unets: int) -> None:
    recipe = build(task, working_size=32, unets=unets, unet_width=4).eval()
    generator = torch.Generator().manual_seed(0)
    source = 0.25 + 0.5 * torch.rand(1, 64, 96, generator=generator)  # from pixel to pixel
    found = translate_source(recipe, source)
    assert found.shape == (3, 64, 96)
    if task == "nir2rgb":  # begins as a copy, at full resolution
        assert (found - source).abs().mean() < 0.05
    else:
        assert (lightness(found[None])[0] - source).abs().max() < 1e-3


@pytest.mark.parametrize("unets", [0, 1])
def test_several_channels(unets: int) -> None:
    torch.manual_seed(0)
    options = {**TINY, "lambda_adversarial": 0.1, "unets": unets, "unet_width": 4}
    recipe = create_model("nirgan-base", source_channels=4, crop=32, **options)
    batch = synthetic_batch(2, 32, channels=4)
    assert recipe(batch, at_step())["output"].shape == (2, 3, 32, 32)
    assert recipe.networks["discriminator"].body[0].in_channels == 7
