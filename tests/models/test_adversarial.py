"""The house discriminator: what it is shown, who learns from it, in which stages, which options it brings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.color import lab_to_rgb, lightness
from nirgan.config import resolve_config
from nirgan.errors import NirganError
from nirgan.losses.gan import cross_entropy, least_squares
from nirgan.losses.l1 import l1
from nirgan.losses.l2 import l2
from nirgan.models import create_model, list_models, recipe_class, recipe_options
from nirgan.models.adversarial import Adversarial, with_discriminator
from nirgan.models.keeps_lightness import KeepsLightness, true_ab
from nirgan.models.options import offline_options
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Stage, Term
from nirgan.testing import conformance, synthetic_batch, synthetic_samples
from nirgan.testing.conformance import run_steps

KEEP = [
    name
    for name in list_models()
    if recipe_class(name).__module__.startswith("nirgan.models.") and issubclass(recipe_class(name), KeepsLightness)
]
WITH: dict[str, dict[str, Any]] = {"larsson": {"positions": 0}}
"""Options without which a recipe shows no pictures of its colours."""
CELL = 4


class Toy(KeepsLightness):
    """Colours of cells from a generator, and a classifier of them that learns alone at first and then beside them."""

    translates_with = ("generator",)

    def __init__(self, *, task: str, source_channels: int, crop: int, again_at: int = 0) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(
            {
                "generator": nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, CELL, CELL)),
                "classifier": nn.Conv2d(2, 1, 1),
            }
        )
        colours = Phase("colours", ("generator.2",), when=lambda at: at.step >= again_at)
        beside = Phase("classes", ("classifier",))
        self.stages = (Stage("warm", (beside,)), Stage("train", (beside, colours)))

    def forward(self, batch: Mapping[str, Any], at: At) -> dict[str, Any]:
        ab = 110 * self.networks["generator"](batch["source"])
        middle = slice(CELL // 2, None, CELL)
        target_ab = true_ab({"target": batch["target"][..., middle, middle]})
        return {"lightness": batch["source"][..., middle, middle], "ab": ab, "target_ab": target_ab}

    def phase_views(self, phase: str, views: dict[str, Any], at: At) -> dict[str, Any]:
        return {"classes": self.networks["classifier"](views["ab"].detach())} if phase == "classes" else {}

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        if phase == "classes":
            return [Term("class", 1.0, lambda v: v["classes"].square().mean())]
        return [Term("l2", 3.0, lambda v: l2(v["ab"] / 110, v["target_ab"] / 110)), Term("off", 0.0, lambda v: v["no"])]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        return 110 * self.networks["generator"](source)


def build(space: Any = "lab", **options: Any) -> Recipe:
    torch.manual_seed(0)
    made = with_discriminator(Toy, space)
    return made(task="gray2rgb", source_channels=1, crop=32, **{"judge_width": 4, **options})  # type: ignore[arg-type]


@pytest.fixture
def pairs() -> dict[str, Any]:
    return synthetic_batch(3, 32, task="gray2rgb")


def seen_by(recipe: Recipe) -> list[Tensor]:
    """What the discriminator is shown from now on."""
    shown: list[Tensor] = []
    recipe.networks["discriminator"].register_forward_pre_hook(lambda _, pictures: shown.append(pictures[0]))
    return shown


# --- what is judged -----------------------------------------------------------------------------------------------


def test_lab_is_the_crops_own_lightness_and_enlarged_colours(pairs: dict[str, Any], at: At) -> None:
    recipe = build()
    shown, views = seen_by(recipe), recipe(pairs, at)
    recipe.phase_views("colours", views, at)
    recipe.phase_views("discriminator", views, at)
    assert [tuple(picture.shape) for picture in shown] == [(3, 3, 32, 32)] * 3
    fake, real, fake_again = shown
    assert torch.equal(fake, fake_again)
    for picture, ab in ((fake, views["ab"]), (real, views["target_ab"])):
        assert torch.allclose(picture[:, :1], 2 * pairs["source"] - 1)
        enlarged = F.interpolate(ab / 110, scale_factor=CELL, mode="bilinear")
        assert torch.allclose(picture[:, 1:], enlarged, atol=1e-5)


def test_rgb_is_the_picture_that_lab_describes(at: At) -> None:
    """Of pictures of one colour, the truth that is judged is the target."""
    target = torch.tensor([[0.6, 0.4, 0.3], [0.3, 0.5, 0.4]]).view(2, 3, 1, 1).expand(-1, -1, 32, 32)
    given = {"source": lightness(target), "target": target}
    recipe = build("rgb")
    with torch.no_grad():
        for parameter in recipe.networks["generator"][2].parameters():  # type: ignore[index]
            parameter *= 0.1  # muted, so that most of it is in the gamut
    views = recipe(given, at)
    assert torch.allclose((views["judged_target"] + 1) / 2, target, atol=2e-3)
    lab = torch.cat([100 * given["source"], F.interpolate(views["ab"], scale_factor=CELL, mode="bilinear")], dim=1)
    rgb = lab_to_rgb(lab, clip=False)
    inside = ((rgb > 0) & (rgb < 1)).all(dim=1, keepdim=True).expand_as(rgb)
    assert inside.float().mean() > 0.5
    assert torch.allclose(((views["judged_output"] + 1) / 2)[inside], rgb[inside], atol=1e-4)


@pytest.mark.parametrize("space", ["lab", "rgb"])
def test_colours_outside_the_gamut_have_gradients_in_every_direction(space: str) -> None:
    recipe = build(space)
    assert isinstance(recipe, Adversarial)
    # At L* 5: strong yellow, blue, red and green; none of them can be shown.
    ab = torch.tensor([[0.0, 110.0], [0.0, -110.0], [110.0, 0.0], [-110.0, 0.0]]).view(4, 2, 1, 1).requires_grad_()
    picture = recipe._shown(torch.full((4, 1, 1, 1), 0.05), ab)
    for axis in (0, 1):
        moved = torch.autograd.grad(picture.abs().sum(), ab, retain_graph=True)[0][:, axis]
        reached = torch.stack(
            [torch.autograd.grad(picture[:, c].sum(), ab, retain_graph=True)[0][:, axis] for c in range(3)]
        )
        assert moved.isfinite().all()
        assert (reached.abs().amax(dim=0) > 1e-3).all()
    assert picture.abs().max() < 4  # no explosion either


def test_no_network_runs_twice_on_one_input(pairs: dict[str, Any], at: At) -> None:
    recipe = build()
    runs: list[int] = []
    recipe.networks["generator"].register_forward_hook(lambda *_: runs.append(1))
    shown, views = seen_by(recipe), recipe(pairs, at)
    for phase, count in (("discriminator", 2), ("classes", 0), ("colours", 1)):
        before = len(shown)
        recipe.phase_views(phase, views, at)
        assert len(shown) - before == count, phase
    assert len(runs) == 1


# --- the objective ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "options", "weight"),
    [
        ("colorful", {}, 0.1),
        ("colorful", {"variant": "l2"}, 1e-3),
        ("colorful", {"variant": "l2", "lambda_adversarial": 0.5}, 0.5),
        ("iizuka", {}, 1e-3),
        ("iizuka", {"lambda_adversarial": 0.1}, 0.1),
        ("koalarization", {"features": "tiny"}, 1e-3),
        ("siggraph17", {}, 0.1),
        ("larsson", {"positions": 0}, 0.1),
    ],
)
def test_a_squared_error_is_not_outweighed(model: str, options: dict[str, Any], weight: float) -> None:
    given = {**recipe_class(model).presets["tiny"]["options"], **options}
    recipe = create_model(model, crop=64, adversarial="lab", **given)
    stage = next(stage for stage in recipe.stages if any(phase.name == "discriminator" for phase in stage.phases))
    at = At(0, 0, 0, 0.0, stage.name, torch.Generator())
    found = [
        term.weight
        for phase in stage.phases
        if phase.name != "discriminator"
        for term in recipe.terms(phase.name, at)
        if term.name == "adversarial"
    ]
    assert found == [weight]


@pytest.mark.parametrize(("gan", "criterion"), [("lsgan", least_squares), ("bce", cross_entropy)])
def test_the_objective_by_hand(gan: str, criterion: Any, pairs: dict[str, Any], at: At) -> None:
    recipe = build(gan=gan, lambda_adversarial=0.5, lambda_l1=10.0, lambda_own=2.0)
    judge = recipe.networks["discriminator"].eval()  # the same statistics in every call
    views = recipe(pairs, at)
    terms = {term.name: term for term in recipe.terms("colours", at)}
    assert {name: term.weight for name, term in terms.items()} == {
        "l2": 6.0,
        "off": 0.0,
        "adversarial": 0.5,
        "l1_ab": 10.0,
    }
    seen = views | recipe.phase_views("colours", views, at)
    fake, real = judge(views["judged_output"]), judge(views["judged_target"])
    assert torch.equal(terms["adversarial"].fn(seen), criterion(fake, True))
    assert torch.equal(terms["l1_ab"].fn(seen), l1(views["ab"] / 110, views["target_ab"] / 110))
    seen = views | recipe.phase_views("discriminator", views, at)
    (term,) = recipe.terms("discriminator", at)
    assert term.weight == 1
    assert torch.allclose(term.fn(seen), (criterion(real, True) + criterion(fake, False)) / 2)


def test_by_default_it_joins_the_recipes_own_terms(at: At) -> None:
    weights = {term.name: term.weight for term in build().terms("colours", at)}
    assert weights == {"l2": 3.0, "off": 0.0, "adversarial": 0.1, "l1_ab": 0.0}
    assert [(term.name, term.weight) for term in build(lambda_own=0.0).terms("classes", at)] == [("class", 1.0)]


def test_who_learns(pairs: dict[str, Any], at: At) -> None:
    recipe = build()
    views = recipe(pairs, at)
    seen = views | recipe.phase_views("discriminator", views, at)
    recipe.terms("discriminator", at)[0].fn(seen).backward()
    assert all(p.grad is not None and p.grad.any() for p in recipe.networks["discriminator"].parameters())
    assert all(p.grad is None for p in recipe.networks["generator"].parameters())
    seen = views | recipe.phase_views("colours", views, at)
    {term.name: term for term in recipe.terms("colours", at)}["adversarial"].fn(seen).backward()
    assert all(p.grad is not None and p.grad.any() for p in recipe.networks["generator"].parameters())


def settings(phase: Phase) -> Optimiser:
    return Optimiser(lr=1e-2, betas=phase.optimiser.betas)


def test_l1_and_patchgan_alone_train(pairs: dict[str, Any]) -> None:
    recipe = build(lambda_own=0.0, lambda_l1=100.0)
    history = run_steps(recipe, pairs, 60, settings, stage=recipe.stages[1]).losses
    assert "colours/l2" not in history[0]  # of weight 0: never computed
    assert {"discriminator/adversarial", "colours/adversarial", "colours/l1_ab"} <= set(history[0])
    assert history[-1]["colours/l1_ab"] < 0.8 * history[0]["colours/l1_ab"]


# --- stages -------------------------------------------------------------------------------------------------------


def test_it_joins_the_stages_that_train_what_translates(pairs: dict[str, Any]) -> None:
    recipe = build()
    names = {stage.name: [phase.name for phase in stage.phases] for stage in recipe.stages}
    assert names == {"warm": ["classes"], "train": ["discriminator", "classes", "colours"]}
    assert recipe.stages[1].phases[0].trains == ("discriminator",)
    warm = At(0, 0, 0, 0.0, "warm", torch.Generator())
    assert "judged_output" not in recipe(pairs, warm)
    recorded = run_steps(recipe, pairs, 1, settings, stage=recipe.stages[0])
    assert set(recorded.losses[0]) == {"classes/class"}


def test_it_learns_in_the_steps_in_which_colours_do() -> None:
    recipe = build(again_at=3)
    judging, _, colours = recipe.stages[1].phases
    for step in (0, 2, 3, 7):
        at = At(step, 0, step, 0.0, "train", torch.Generator())
        assert judging.when(at) == colours.when(at) == (step >= 3)


# --- options ------------------------------------------------------------------------------------------------------

BROUGHT = {"lambda_adversarial", "lambda_l1", "lambda_own", "gan", "judge_width"}


@pytest.mark.parametrize("model", KEEP)
def test_the_switch_is_an_option_of_every_recipe_that_shows_its_colours(model: str) -> None:
    plain = recipe_options(recipe_class(model))
    assert plain["adversarial"].default == "none"
    judged = recipe_class(model, {"adversarial": "rgb"})
    assert issubclass(judged, Adversarial)
    assert judged.space == "rgb"
    assert judged is recipe_class(model, {"adversarial": "rgb"})
    assert recipe_class(model, {"adversarial": "lab"}).space == "lab"  # type: ignore[attr-defined]
    assert recipe_class(model, {"adversarial": "none"}) is recipe_class(model)
    assert set(recipe_options(judged)) == set(plain) | BROUGHT
    assert not BROUGHT & set(plain), "this recipe's own options are hidden by the wrapper's"


def test_a_presets_optimiser_is_not_the_discriminators() -> None:
    given = {"model": "colorful", "preset": "small", "task": "gray2rgb"}
    assert resolve_config(given).phases == {}
    judged = {**given, "options": {"adversarial": "lab"}, "optimiser": {"lr": 3e-3}}
    config = resolve_config(judged)
    assert (config.optimiser.lr, config.phases["discriminator"].lr) == (3e-3, 2e-4)
    config = resolve_config({**judged, "phases": {"discriminator": {"lr": 1e-4}}})
    assert config.phases["discriminator"].lr == 1e-4


def test_others_have_no_such_switch() -> None:
    for model in ("pix2pix", "cyclegan", "gray"):
        assert "adversarial" not in recipe_options(recipe_class(model))
    with pytest.raises(NirganError, match="pix2pix has no option 'adversarial'"):
        create_model("pix2pix", task="gray2rgb", adversarial="lab")
    with pytest.raises(NirganError, match="Pix2Pix has no a and b to judge"):
        with_discriminator(recipe_class("pix2pix"), "lab")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"adversarial": "LAB"}, "option 'adversarial' is 'LAB', but should be 'none', 'lab' or 'rgb'"),
        ({"adversarial": ["lab"]}, "option 'adversarial' is"),
        ({"adversarial": True}, "option 'adversarial' is True"),
        ({"lambda_adversarial": 1.0}, "no option 'lambda_adversarial'"),
        (
            {"adversarial": "lab", "lambda_adversarial": 0.0},
            "'lambda_adversarial' is 0.0, but should be greater than 0",
        ),
        ({"adversarial": "lab", "lambda_own": -1.0}, "'lambda_own' is -1"),
        ({"adversarial": "lab", "width": 0}, "'width' is 0"),
    ],
)
def test_wrong_values_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(NirganError) as error:
        resolve_config({"model": "colorful", "options": options})
    assert words in str(error.value)


def test_what_is_written_down_holds_all_options() -> None:
    options = resolve_config({"model": "colorful", "options": {"adversarial": "lab"}}).options
    assert {name: options[name] for name in BROUGHT | {"adversarial", "variant"}} == {
        "adversarial": "lab",
        "variant": "full",
        "lambda_adversarial": None,
        "lambda_l1": 0.0,
        "lambda_own": 1.0,
        "gan": "lsgan",
        "judge_width": 32,
    }
    plain = resolve_config({"model": "colorful"}).options
    assert plain["adversarial"] == "none"
    assert not BROUGHT & set(plain)


def test_models_show_names_the_options(nirgan) -> None:
    shown = json.loads(nirgan("models", "show", "colorful", "--json").out)
    assert shown["options"]["adversarial"] == "none"
    assert set(shown["adversarial"]) == BROUGHT
    assert "registration" not in shown
    assert "32 (with adversarial=lab)" in nirgan("models", "show", "colorful").out


class OwnJudge(Toy):
    """Has a discriminator already."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.networks["discriminator"] = nn.Conv2d(3, 1, 1)


class NothingDrawn(Toy):
    """Trains its classifier alone."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.stages = self.stages[:1]


def test_what_cannot_be_judged_is_refused() -> None:
    given = {"task": "gray2rgb", "source_channels": 1, "crop": 32}
    with pytest.raises(NirganError, match="a discriminator of its own"):
        with_discriminator(OwnJudge, "lab")(**given)  # type: ignore[arg-type]
    with pytest.raises(NirganError, match="no stage of this method trains what draws colours"):
        with_discriminator(NothingDrawn, "lab")(**given)  # type: ignore[arg-type]
    with pytest.raises(NirganError, match="a crop of 24 pixels is too small to judge"):
        with_discriminator(Toy, "lab").check_crop(24, {})


def test_single_points_are_no_picture() -> None:
    with pytest.raises(NirganError, match="adversarial: larsson trains on single points.*positions=0"):
        create_model("larsson", crop=64, width=4, fc=32, hidden=32, margin=0, pretrained=False, adversarial="lab")


# --- every recipe ---------------------------------------------------------------------------------------------------


def test_size_of_the_discriminator() -> None:
    recipe = build(judge_width=32)
    channels = [(3, 32), (32, 64), (64, 128), (128, 256)]
    convolutions = sum(16 * a * b for a, b in channels) + 32 + 16 * 256 + 1  # biases of the first and the last
    norms = 2 * (64 + 128 + 256)
    counted = sum(p.numel() for p in recipe.networks["discriminator"].parameters())
    assert counted == convolutions + norms == 694_689


@pytest.mark.parametrize("space", ["lab", "rgb"])
@pytest.mark.parametrize("model", KEEP)
def test_every_recipe_trains_with_it(model: str, space: str) -> None:
    given = {"adversarial": space, "judge_width": 4, "lambda_l1": 1.0, **WITH.get(model, {})}
    config = resolve_config({"model": model, "preset": "tiny", "options": given})
    options = {**config.options, **offline_options(recipe_class(model))}
    torch.manual_seed(0)
    recipe = create_model(model, task="gray2rgb", crop=config.crop, **options)
    recipe.prepare(synthetic_samples(2, config.crop, task="gray2rgb"))
    names = recipe.weight_names()
    assert names
    assert not [name for name in names if "discriminator" in name]
    judged = [stage for stage in recipe.stages if "discriminator" in {phase.name for phase in stage.phases}]
    assert judged
    recorded = run_steps(
        recipe, synthetic_batch(2, config.crop, task="gray2rgb"), 2, lambda phase: phase.optimiser, stage=judged[-1]
    )
    assert all(value.isfinite() for losses in recorded.losses for value in losses.values())
    judging = {f"discriminator.{name}" for name, _ in recipe.networks["discriminator"].named_parameters()}
    assert recorded.gradients["discriminator"] == judging
    others = {name for phase, names in recorded.gradients.items() if phase != "discriminator" for name in names}
    assert others
    assert not others & judging
    drawn = [name for name in recorded.losses[0] if name.endswith("/l1_ab")]
    assert drawn
    assert recorded.losses[0][drawn[0].replace("l1_ab", "adversarial")] > 0


TestColorfulJudged = pytest.mark.slow(conformance("colorful", options={"adversarial": "rgb", "judge_width": 4}))
