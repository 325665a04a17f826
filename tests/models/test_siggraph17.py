"""User-guided colorization: objective, gradient routing, stages, simulated hints, prediction with hints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan import Hint
from nirgan.color.ab_bins import ab_bins
from nirgan.color.lab import lightness
from nirgan.config import resolve_config
from nirgan.errors import NirganError
from nirgan.inference.run import rank_bins, translate_source
from nirgan.models import create_model
from nirgan.models.recipe import At, Recipe
from nirgan.models.siggraph17.recipe import network_input
from nirgan.models.siggraph17.simulated import draw_counts, draw_patches, simulate_hints
from nirgan.training.limits import stage_ends
from nirgan.training.optim import rate_factor
from nirgan.training.train import method_of

DECODER = {"conv9_up", "conv9", "conv10_up", "conv10", "out"}
TRUNK = {"conv1", "conv2", "conv3", "conv4", "conv5", "conv6", "conv7", "conv8_up", "conv8"}
HEAD = {"model_class"}
STAGED = {"class_head": True, "schedule": "staged"}


def build(crop: int = 32, **options: Any) -> Recipe:
    torch.manual_seed(0)
    return create_model("siggraph17", crop=crop, **{"width": 4, "working_size": None, **options})


def strong(**options: Any) -> Recipe:
    """In eval mode, with weights that let hints show."""
    recipe = build(**options)
    for module in recipe.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight)
    return recipe.eval().requires_grad_(False)


def at_stage(stage: str, seed: int = 0) -> At:
    return At(0, 0, 0, 0.0, stage, torch.Generator().manual_seed(seed))


def terms_of(recipe: Recipe, stage: str) -> dict[str, Any]:
    return {term.name: term for term in recipe.terms("generator", at_stage(stage))}


def inputs_of(recipe: Recipe, pairs: dict[str, Any], stage: str) -> Tensor:
    """What the network gets in a training step."""
    given: list[Tensor] = []
    recipe.networks["generator"].conv1.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    recipe(pairs, at_stage(stage))
    return given[0]


# --- the objective ----------------------------------------------------------------------------------------------------


def test_counts_are_those_of_the_card() -> None:
    with torch.device("meta"):
        plain, scored = create_model("siggraph17"), create_model("siggraph17", class_head=True)
    counts = [sum(p.numel() for p in recipe.networks["generator"].parameters()) for recipe in (plain, scored)]
    assert counts == [34_051_074, 34_187_027]
    assert (plain.stride, plain.halo, plain.working_size, plain.whole_picture) == (8, 192, 256, False)
    assert (plain.ranks_bins, scored.ranks_bins) == (False, True)


def test_regression_by_hand() -> None:
    truth, counted = torch.zeros(1, 2, 4, 4), torch.ones(1, 1, 1, dtype=torch.bool)
    ab = torch.tensor([0.5, -3.0]).view(1, 2, 1, 1).expand(1, 2, 4, 4)  # in units of a and b, of which β is one
    views = {"ab": ab, "target_ab": truth, "counted": counted}
    term = terms_of(build(), "regression")["l1-smooth"]
    assert term.weight == 10
    assert float(term.fn(views)) == pytest.approx((0.125 + 2.5) / 110, rel=1e-5)
    plain = terms_of(build(beta=0.0), "regression")["l1-smooth"]
    assert float(plain.fn(views)) == pytest.approx(3.5 / 110, rel=1e-5)


def test_classes_are_the_nearest_points_of_the_grid(batch) -> None:
    recipe, pairs = build(**STAGED), batch(2, 32)
    views = recipe(pairs, at_stage("classification"))
    assert views["logits"].shape == (2, 529, 8, 8)
    a, b = views["target_ab"][..., 2::4, 2::4].unbind(1)
    nearest = 23 * ((a + 110) / 10).round() + ((b + 110) / 10).round()
    assert torch.equal(views["bins"][:, 0], nearest.long())
    term = terms_of(recipe, "classification")["class"]
    assert term.weight == 1
    assert float(term.fn(views).detach()) == pytest.approx(
        float(F.cross_entropy(views["logits"], nearest.long()).detach()), rel=1e-5
    )


def test_grey_pictures_stay_in_the_batch_and_out_of_the_loss(batch) -> None:
    recipe, pairs = build(**STAGED), batch(2, 32)
    pairs["target"][1] = pairs["target"][1].mean(0, keepdim=True)
    views = recipe(pairs, at_stage("classification"))
    assert views["counted"].flatten().tolist() == [True, False]
    assert len(views["ab"]) == 2
    for name, term in terms_of(recipe, "classification").items():
        value = term.fn(views)
        alone = {key: view[:1] for key, view in views.items()}
        assert float(value.detach()) == pytest.approx(float(term.fn(alone).detach()), rel=1e-5), name
        grey = {key: view[1:] for key, view in views.items()}
        assert float(term.fn(grey).detach()) == 0


def test_views_are_what_an_adversary_may_be_shown(batch) -> None:
    pairs = batch(2, 32)
    views = build()(pairs, at_stage("regression"))
    assert torch.equal(views["lightness"], pairs["source"])
    assert views["ab"].shape == views["target_ab"].shape == (2, 2, 32, 32)
    assert views["ab"].requires_grad
    assert views["ab"].abs().max() <= 110


# --- gradients, stages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "classes", "colours"),
    [
        ("classification", TRUNK | HEAD, DECODER),
        ("regression", HEAD, TRUNK | DECODER),
        ("regression-slow", HEAD, TRUNK | DECODER),
    ],
)
def test_one_of_the_two_trains_the_trunk(stage: str, classes: set[str], colours: set[str], batch) -> None:
    recipe = build(**STAGED)
    network = recipe.networks["generator"]
    for name, reached in (("class", classes), ("l1-smooth", colours)):
        recipe.zero_grad(set_to_none=True)
        terms_of(recipe, stage)[name].fn(recipe(batch(2, 32), at_stage(stage))).backward()
        trained = {path.split(".")[0] for path, p in network.named_parameters() if p.grad is not None and p.grad.any()}
        assert trained == reached


def test_without_a_head_there_is_nothing_to_classify(batch) -> None:
    recipe = build()
    assert set(terms_of(recipe, "regression")) == {"l1-smooth"}
    assert "logits" not in recipe(batch(2, 32), at_stage("regression"))
    with pytest.raises(NirganError, match="scores no bins"):
        recipe.bin_logits(torch.rand(1, 1, 16, 16), {})


def test_stages_are_the_authors() -> None:
    config = resolve_config({"model": "siggraph17", "preset": "paper"})
    assert (config.batch_size, config.crop, config.epochs) == (25, 176, 30)
    with torch.device("meta"):
        stages = create_model("siggraph17", crop=config.crop, **config.options).stages
    assert [stage.name for stage in stages] == ["classification", "regression", "regression-slow"]
    assert stage_ends(stages, 300) == [150, 250, 300]
    optimisers = [stage.phases[0].optimiser for stage in stages]
    assert {(o.betas, o.weight_decay, o.schedule.name) for o in optimisers} == {((0.9, 0.999), 0.0, "constant")}
    assert [stage.name for stage in build().stages] == ["regression"]


@pytest.mark.parametrize(
    ("settings", "first"),
    [
        ({"preset": "paper"}, 1e-4),
        ({"preset": "small"}, 1e-3),
        ({"preset": "paper", "optimiser": {"lr": 3e-4}}, 3e-4),
        ({"preset": "small", "phases": {"generator": {"lr": 2e-4}}}, 2e-4),
    ],
)
def test_later_stages_take_a_tenth_and_a_hundredth_of_whatever_the_rate_is(settings: dict, first: float) -> None:
    config = resolve_config({"model": "siggraph17", "options": STAGED, **settings})
    optimisers = [method_of(config).optimiser(stage.phases[0]) for stage in build(**STAGED).stages]
    rates = [optimiser.lr * rate_factor(optimiser.schedule, 0.0, 0) for optimiser in optimisers]
    assert rates == pytest.approx([first, first / 10, first / 100])


@pytest.mark.parametrize(
    ("crop", "options", "words"),
    [
        (20, {}, "crop 20: give a multiple of 8, at least 16"),
        (8, {}, "crop 8"),
        (32, {"schedule": "staged"}, "take class_head=true, or schedule=regression"),
        (32, {"hint_stop": 0.0}, "'hint_stop' is 0.0"),
        (32, {"reveal": 1.5}, "'reveal' is 1.5"),
        (32, {"beta": -1.0}, "'beta' is -1.0"),
    ],
)
def test_what_does_not_fit_is_refused(crop: int, options: dict, words: str) -> None:
    with pytest.raises(NirganError, match=words):
        build(crop, **options)


# --- hints in training ------------------------------------------------------------------------------------------------


def test_inputs_are_those_of_the_table() -> None:
    level = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3)
    none = network_input(level, None)[0, :, 0].T
    assert none.tolist() == [[-0.5, 0, 0, -0.5], [0, 0, 0, -0.5], [0.5, 0, 0, -0.5]]
    hints = torch.tensor([[0.0, 0, 0], [55.0, -110, 1], [0, 0, 0]]).T.view(1, 3, 1, 3)
    assert network_input(level, hints)[0, :, 0, 1].tolist() == [0, 0.5, -1, 0.5]


def test_hints_come_with_regression_alone(batch) -> None:
    pairs, recipe = batch(8, 32), build(**STAGED)
    silent = inputs_of(recipe, pairs, "classification")
    assert torch.equal(silent[:, :1], pairs["source"] - 0.5)
    assert not silent[:, 1:3].any()
    assert (silent[:, 3] == -0.5).all()
    told = inputs_of(build(), pairs, "regression")
    assert set(told[:, 3].unique().tolist()) == {-0.5, 0.5}
    assert not told[:, 1:3].movedim(1, -1)[told[:, 3] < 0].any()
    none = inputs_of(build(hint_stop=1.0), pairs, "regression")
    assert (none[:, 3] == -0.5).all()


def test_numbers_of_hints_are_geometric() -> None:
    counts = draw_counts(40_000, 0.125, torch.Generator().manual_seed(0)).float()
    assert counts.min() == 0
    assert float(counts.mean()) == pytest.approx(7, abs=0.2)  # (1 - p) / p, of which the standard error is 0.04
    for n in range(4):
        assert float((counts == n).float().mean()) == pytest.approx(0.875**n * 0.125, abs=0.01)
    assert not draw_counts(100, 1 - 1e-9, torch.Generator().manual_seed(0)).any()


def test_patches_lie_inside_around_the_middle() -> None:
    rows, columns = draw_patches(50, 100, (40, 64), torch.Generator().manual_seed(0))
    assert rows.shape == (50, 100, 40)
    assert columns.shape == (50, 100, 64)
    sides = rows.sum(-1)
    assert torch.equal(sides, columns.sum(-1))
    assert sorted(sides.unique().tolist()) == list(range(1, 10))
    assert float(sides.float().mean()) == pytest.approx(5, abs=0.15)
    for covered, length in ((rows, 40), (columns, 64)):
        starts = covered.int().argmax(-1)
        last = length - 1 - covered.flip(-1).int().argmax(-1)
        assert torch.equal(last - starts + 1, sides)  # in one piece
        side_one = starts[sides == 1].float()
        assert float(side_one.mean()) == pytest.approx(length / 2 - 0.5, abs=0.05 * length)
        assert float(side_one.std()) == pytest.approx(length / 4, rel=0.2)  # somewhat less, where it is clipped


def painted(ab: Tensor, rows: Tensor, columns: Tensor, counts: Sequence[int]) -> Tensor:
    """Hints patch by patch."""
    hints = torch.zeros(len(ab), 3, *ab.shape[-2:])
    for picture, count in enumerate(counts):
        for patch in range(count):
            inside = rows[picture, patch][:, None] & columns[picture, patch]
            hints[picture][:2, inside] = ab[picture][:, inside].mean(1, keepdim=True)
            hints[picture][2, inside] = 1
    return hints


def test_patches_have_the_mean_of_the_truth_and_later_ones_lie_on_top() -> None:
    ab = 50 * torch.randn(12, 2, 24, 32, generator=torch.Generator().manual_seed(1))
    hints = simulate_hints(ab, 0.125, torch.Generator().manual_seed(2))
    generator = torch.Generator().manual_seed(2)
    counts = draw_counts(12, 0.125, generator).tolist()
    # ln 1e-4 / ln 0.875 = 68.97: fewer than one picture in 10,000 has more.
    patches = draw_patches(12, 69, (24, 32), generator)
    assert max(counts) > 5
    assert torch.allclose(hints, painted(ab, *patches, counts), atol=1e-4)


def test_small_pictures_have_small_patches() -> None:
    hints = simulate_hints(torch.ones(20, 2, 4, 4), 0.2, torch.Generator().manual_seed(0))
    assert hints.shape == (20, 3, 4, 4)
    assert torch.isfinite(hints).all()


def test_some_pictures_are_told_altogether() -> None:
    ab = torch.randn(1000, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    hints = simulate_hints(ab, 1.0, torch.Generator().manual_seed(1), reveal=0.1)
    told = hints[:, 2].flatten(1).all(1)
    assert float(told.float().mean()) == pytest.approx(0.1, abs=0.03)
    assert torch.equal(hints[told, :2], ab[told])
    assert not hints[~told].any()
    assert not simulate_hints(ab, 1.0, torch.Generator()).any()


def test_training_draws_from_the_steps_generator(batch) -> None:
    recipe, pairs = build(), batch(4, 32)
    before = torch.get_rng_state()
    first, again, other = (recipe(pairs, at_stage("regression", seed))["ab"] for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


# --- prediction -------------------------------------------------------------------------------------------------------


@pytest.fixture
def source() -> Tensor:
    return 0.2 + 0.6 * torch.rand(1, 16, 480, generator=torch.Generator().manual_seed(0))


def test_without_hints_it_colours_by_itself(source: Tensor) -> None:
    recipe = strong()
    automatic = translate_source(recipe, source)
    for told in ({"hints": None}, {"hints": []}):
        assert torch.equal(translate_source(recipe, source, told), automatic)
    by_hand = recipe.compose(source[None], 110 * recipe.networks["generator"](network_input(source[None], None)))
    assert torch.equal(automatic, by_hand[0])


def test_a_hint_changes_colour_around_it_and_no_lightness(source: Tensor) -> None:
    recipe = strong()
    automatic = translate_source(recipe, source)
    hinted = translate_source(recipe, source, {"hints": [Hint(40, 8, "#c03020", radius=2)]})
    changed = (hinted - automatic).abs().amax(0)
    assert changed[:, 30:51].max() > 1 / 255
    assert changed[:, 40 + 2 + 187 + 1 :].max() < 1e-3  # beyond what a point sees
    stored = (hinted * 255).round() / 255
    assert (100 * (lightness(stored) - source)).abs().max() < 0.5


def test_hints_leave_no_seams_between_tiles() -> None:
    recipe, generator = strong(), torch.Generator().manual_seed(0)
    source = torch.rand(1, 24, 1300, generator=generator)
    told = {"hints": [Hint(x, 12, "#2040c0") for x in (100, 390, 600, 1290)]}
    whole, tiled = (translate_source(recipe, source, told, tile=tile) for tile in (0, 576))
    assert (whole - tiled).abs().max() < 1e-3
    assert (whole - translate_source(recipe, source)).abs().max() > 1 / 255


def test_the_hint_that_training_draws_is_the_hint_that_translation_draws() -> None:
    recipe, given = strong(), []
    recipe.networks["generator"].conv1.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    translate_source(recipe, torch.full((1, 16, 16), 0.5), {"hints": [Hint(5, 3, "#ff0000", radius=1)]})
    (inputs,) = given
    assert inputs[0, 3, 2:5, 4:7].eq(0.5).all()
    assert inputs[0, 3].eq(0.5).sum() == 9
    red = torch.tensor([80.1, 67.2]) / 110  # a and b of sRGB's red under D65
    assert torch.allclose(inputs[0, 1:3, 3, 5], red, atol=2e-3)


def test_bins_are_those_of_the_grid_that_screens_show() -> None:
    recipe = strong(class_head=True)
    head = recipe.networks["generator"].model_class
    nn.init.zeros_(head.weight)
    head.bias.copy_(torch.arange(529.0))
    logits = recipe.bin_logits(torch.rand(1, 1, 16, 24), {})
    assert logits.shape == (1, 313, 4, 6)
    grid = torch.tensor([[a, b] for a in range(-110, 111, 10) for b in range(-110, 111, 10)])
    assert torch.equal(grid[logits[0, :, 0, 0].long()], ab_bins().long())
    ranks = rank_bins(recipe, torch.rand(1, 16, 24))
    assert ranks is not None
    assert ranks.shape == (5, 16, 24)
    assert (ranks[0] == 312).all()


def test_its_blocks_can_be_named(batch: Callable[..., dict[str, Any]]) -> None:
    recipe = build(class_head=True)
    for number in range(1, 11):
        assert sum(p.numel() for p in recipe.network(f"generator.conv{number}").parameters()) > 0
    assert recipe.network("generator.model_class").out_channels == 529
