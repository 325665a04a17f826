"""regression: the objective by hand, what is learnt, both tasks, and how far it is like what it is compared with."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nirgan.color.lab import lightness, rgb_to_lab
from nirgan.config import resolve_config
from nirgan.errors import NirganError
from nirgan.models import create_model
from nirgan.models.recipe import Recipe

SMALL = {"crop": 160, "width": 25}


def build(task: str = "nir2rgb", crop: int = 32, **options: Any) -> Recipe:
    torch.manual_seed(0)
    return create_model("regression", task=task, crop=crop, **{"width": 4, "levels": 3, **options})  # type: ignore[arg-type]


def count(model: str = "regression", **arguments: Any) -> int:
    with torch.device("meta"):
        recipe = create_model(model, **arguments)
    assert set(recipe.networks) == {"generator"}
    return sum(p.numel() for p in recipe.networks.parameters())


def grey(target: torch.Tensor) -> dict[str, Any]:
    return {"source": lightness(target), "target": target}


# --- networks ---------------------------------------------------------------------------------------------------------


def test_counts_are_those_of_the_card() -> None:
    assert (count(), count(task="gray2rgb")) == (12_414_342, 12_412_036)
    assert (count(**SMALL), count(task="gray2rgb", **SMALL)) == (1_897_056, 1_896_154)
    wide = {"crop": 160, "width": 35}
    assert (count(**wide), count(task="gray2rgb", **wide)) == (3_715_676, 3_714_414)


def test_small_is_shown_as_much_as_nirgan_base_and_taught_alike() -> None:
    ours, other = (resolve_config({"model": name, "preset": "small"}) for name in ("regression", "nirgan-base"))
    for setting in ("crop", "minutes", "optimiser"):
        assert getattr(ours, setting) == getattr(other, setting)
    assert ours.dataset.augment.scale > 0
    phases = [
        create_model("regression", crop=32, width=4).stages[0].phases,
        create_model("nirgan-base", crop=32, widths=(8, 16), blocks=(1,), dilations=(1,)).stages[0].phases,
    ]
    assert phases[0] == phases[1]


@pytest.mark.parametrize(
    ("crop", "options", "message"),
    [
        (8, {}, "crop 8: SSIM needs 11 pixels or more"),
        (20, {}, "3 levels do not fit crop 20.*multiple of 2 to that power"),
        (512, {"levels": 9}, "levels go from 1 to 8"),
        (32, {"lambda_l1": 0.0, "lambda_ssim": 0.0}, "nothing to learn: set options.lambda_l1=1"),
        (32, {"lambda_ssim": -1.0}, "'lambda_ssim' is -1"),
        (32, {"norm": "none"}, "'norm' is 'none'"),
    ],
)
def test_what_does_not_fit_is_refused(crop: int, options: dict[str, Any], message: str) -> None:
    with pytest.raises(NirganError, match=message):
        build(crop=crop, **options)


def test_the_smallest_crops_train(batch, phase_values) -> None:
    for crop, levels in ((12, 2), (16, 4)):
        values = phase_values(build(crop=crop, levels=levels), "generator", batch(2, crop))
        assert all(value.isfinite() for value in values.values())


# --- terms ------------------------------------------------------------------------------------------------------------


def test_losses_of_constants_by_hand(at) -> None:
    """Without contrast SSIM is (2 m n + c) / (m² + n² + c) with c = 0.01²."""
    recipe = build()
    batch = {"source": torch.full((2, 1, 32, 32), 0.5), "target": torch.full((2, 3, 32, 32), 0.75)}
    views = recipe(batch, at)
    views |= {"compared": torch.full((2, 3, 32, 32), 0.0), "compared_rgb": torch.full((2, 3, 32, 32), 0.5)}
    terms = {term.name: (term.weight, float(term.fn(views))) for term in recipe.terms("generator", at)}
    ssim = (2 * 0.5 * 0.75 + 1e-4) / (0.5**2 + 0.75**2 + 1e-4)
    assert terms == {
        "l1": (1.0, pytest.approx(0.5)),  # |0 - 0.5| in [-1, 1]
        "ssim": (0.5, pytest.approx(1 - ssim, abs=5e-4)),  # float32 in variances of nothing, beside 0.03²
    }


def test_views_of_nir_are_one_picture_in_two_ranges(batch, at) -> None:
    given = batch(2, 32)
    views = build()(given, at)
    assert torch.equal(views["compared"], views["output"])
    assert torch.equal(views["compared_rgb"], (views["output"] + 1) / 2)
    assert torch.equal(views["target"], 2 * given["target"] - 1)
    assert torch.equal(views["target_rgb"], given["target"])


def test_grey_is_compared_in_true_lightness(batch, at) -> None:
    given = grey(batch(2, 32)["target"])
    given["source"] = 0.5 * given["source"]  # as augmentation does
    recipe = build("gray2rgb")
    views = recipe(given, at)
    truth = rgb_to_lab(given["target"])[:, 1:] / 110
    assert torch.allclose(views["target"], truth, atol=1e-5)
    assert torch.allclose(lightness(views["compared_rgb"]), lightness(given["target"]), atol=1e-3)
    shown = recipe._shown(truth, given["target"])  # type: ignore[operator]
    assert torch.allclose(shown, given["target"], atol=1e-3)


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_without_ssim_no_rgb_is_made(task: str, batch, at) -> None:
    views = build(task, lambda_ssim=0.0)(grey(batch(2, 32)["target"]), at)
    assert not {"compared_rgb", "target_rgb"} & set(views)


@pytest.mark.parametrize("name", ["l1", "ssim"])
@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_each_term_can_stand_alone_and_reaches_all_of_the_generator(task: str, name: str, batch, at) -> None:
    recipe = build(task, **{"lambda_l1": 0.0, "lambda_ssim": 0.0, f"lambda_{name}": 2.0})
    [term] = [term for term in recipe.terms("generator", at) if term.active(0)]
    assert (term.name, term.weight) == (name, 2.0)
    term.fn(recipe(grey(batch(2, 32)["target"]), at)).backward()
    assert all(p.grad is not None and p.grad.any() for p in recipe.networks["generator"].parameters())


def test_an_update_changes_the_generator_and_there_is_nothing_else(batch, train_step) -> None:
    recipe = build()
    assert [(phase.name, phase.trains) for phase in recipe.stages[0].phases] == [("generator", ("generator",))]
    before = {name: p.detach().clone() for name, p in recipe.named_parameters()}
    train_step(recipe, batch(2, 32), 0)
    assert all(name.startswith("networks.generator.") for name in before)
    assert not any(torch.equal(p, before[name]) for name, p in recipe.named_parameters())


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_training_lowers_both_terms(task: str, batch, train_step) -> None:
    recipe = build(task, width=8)
    logs = [train_step(recipe, grey(batch(4, 32, seed=step % 2)["target"]), step) for step in range(30)]
    for name in ("generator/l1", "generator/ssim"):
        assert sum(log[name] for log in logs[-4:]) < 0.6 * sum(log[name] for log in logs[:4])


# --- translation and other parts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_nir_begins_as_a_softened_copy(training: bool, batch, at) -> None:
    recipe, given = build(width=24).train(training), batch(2, 32)
    with torch.no_grad():
        found = recipe.compose(given["source"], recipe(given, at)["output"])
    copy = ((2 * given["source"] - 1).tanh() + 1) / 2
    assert (found - copy).abs().max() < 0.02


def test_grey_begins_grey_and_keeps_lightness(batch) -> None:
    recipe, source = build("gray2rgb").eval(), lightness(batch(1, 32)["target"])
    with torch.no_grad():
        found = recipe.compose(source, recipe.predict(source, {}))
        assert (found.amax(1) - found.amin(1)).max() < 0.05
        wild = recipe.compose(source, torch.randn(1, 2, 32, 32, generator=torch.Generator().manual_seed(0)))
    assert (wild.amax(1) - wild.amin(1)).mean() > 0.2
    for picture in (found, wild):
        assert (lightness(picture) - source).abs().max() < 1e-3


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
@pytest.mark.parametrize("options", [{}, {"norm": "instance", "head": "direct", "upsample": "transpose"}])
def test_training_and_prediction_draw_the_same(task: str, options: dict[str, Any], batch, at) -> None:
    recipe = build(task, **options).eval()
    given = grey(batch(1, 32)["target"])
    with torch.no_grad():
        views = recipe(given, at)
        raw = recipe.predict(given["source"], {})
        assert torch.equal(raw, views["output"])
        assert torch.allclose(recipe.compose(given["source"], raw), views["compared_rgb"], atol=1e-3)
        assert torch.allclose(recipe.compose(given["source"], views["target"]), given["target"], atol=2e-3)


def test_registration_moves_both_compared_pictures(batch, at) -> None:
    recipe = build(registration=True, registration_width=4)
    views = recipe(batch(2, 32), at)
    assert torch.allclose(views["compared_rgb"], (views["compared"] + 1) / 2, atol=1e-5)
    assert recipe.stages[0].phases[0].trains == ("generator", "registration")


def test_what_the_norm_sees_decides_about_tiles() -> None:
    assert not build().whole_picture
    assert build(norm="instance").whole_picture
    assert [build(levels=levels).tile for levels in (5, 3)] == [32, None]
