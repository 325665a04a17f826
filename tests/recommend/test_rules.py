"""Every answer of ``nirgan recommend``: what it names exists, fits together, and follows from the rules."""

from __future__ import annotations

import inspect
import shlex
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from nirgan.cli import data, evaluate, train, translate
from nirgan.config import RunConfig, merge, parse_overrides, resolve_config
from nirgan.data.sample import Task
from nirgan.errors import NirganError
from nirgan.models import list_models, recipe_class
from nirgan.models.options import can_register
from nirgan.recommend import Advice, Plan, Situation, advise
from nirgan.recommend.rules import FEW, MANY, ROUTES, RULES, SCARCE
from nirgan.recommend.situation import PAIRS, Machine

COUNTS = (SCARCE - 1, FEW - 1, FEW, MANY + 1)


@cache
def answers() -> list[tuple[Situation, Advice]]:
    """Situations of every kind, said and seen, with their answers."""
    seen = [
        Situation(task, pairs, count, machine, ("some/folder",) if side else (), side, stated=side is None)
        for task, pairs, count, machine, side in product(
            get_args(Task), PAIRS, COUNTS, get_args(Machine), (None, 70, 200)
        )
    ]
    return [(situation, advise(situation)) for situation in seen]


def plans(advice: Advice) -> tuple[Plan, ...]:
    return (advice.plan, *advice.otherwise)


def typed(plan: Plan, *start: str) -> list[str]:
    """The words after ``start`` of the one command of a plan that begins so."""
    (words,) = [words for line in plan.commands if (words := shlex.split(line))[: len(start)] == list(start)]
    return words[len(start) :]


def trained(plan: Plan) -> tuple[RunConfig, dict[str, list[str]]]:
    """What ``nirgan train`` would make of a plan's command: its settings, and its flags."""
    words = typed(plan, "nirgan", "train")
    flags: dict[str, list[str]] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        assert name.startswith("--")
        flags.setdefault(name, []).append(value)
    options = {f"--{name.strip('_').replace('_', '-')}" for name in inspect.signature(train.command).parameters}
    assert flags.keys() <= options
    given: dict[str, Any] = parse_overrides(flags.get("--set", []))
    given = merge(
        given, parse_overrides(f"{k[2:]}={v[0]}" for k, v in flags.items() if k not in ("--set", "--data", "--out"))
    )
    return resolve_config({**given, "data": flags["--data"]}), flags


# --- all answers ------------------------------------------------------------------------------------------------------


def test_every_setting_of_every_answer_is_one_that_train_takes() -> None:
    seen = {plan.commands: (plan, situation) for situation, advice in answers() for plan in plans(advice)}
    for plan, situation in seen.values():
        config, _ = trained(plan)
        assert config.model == plan.model
        assert config.model in list_models()
        assert config.task == situation.task
        recipe = recipe_class(config.model, config.options)
        recipe.check_crop(config.crop, config.options)
        if "crop" in plan.settings:
            assert situation.short_side is not None
            assert config.crop <= situation.short_side
        for key, value in plan.settings.items():
            found: Any = config.model_dump()
            for part in key.split("."):
                found = found[part]
            assert found == value, key


def test_every_recipe_of_every_answer_takes_the_data() -> None:
    for situation, advice in answers():
        for plan in plans(advice):
            recipe = recipe_class(plan.model)
            aligned = any("data align" in line for line in plan.commands)
            if situation.task == "gray2rgb" or aligned or situation.pairs == "registered":
                assert "registered" in recipe.pairings
            elif plan.settings.get("options.registration"):
                assert situation.pairs == "unregistered"
                assert can_register(recipe)
            else:
                assert {"unregistered": "unregistered", "none": "unpaired"}[situation.pairs] in recipe.pairings


def test_every_command_exists() -> None:
    lines = {tuple(shlex.split(line)) for _, advice in answers() for plan in plans(advice) for line in plan.commands}
    for words in lines:
        assert words[0] == "nirgan"
        assert words[1] in ("data", "train", "evaluate", "translate")
    flags = {(words[1], word) for words in lines if words[1] != "train" for word in words if word.startswith("--")}
    assert flags == {("evaluate", "--weights"), ("translate", "--weights"), ("data", "--out")}
    for module in (evaluate, translate):
        assert "weights" in inspect.signature(module.command).parameters
    assert {words[2] for words in lines if words[1] == "data"} == {"inspect", "align"}
    assert "inspect" in _data_commands()


def test_aligning_is_a_command() -> None:
    pytest.importorskip("nirgan.registration")
    assert "align" in _data_commands()


def _data_commands() -> set[str]:
    assert isinstance(data.group, typer.Typer)
    return {str(c.name or getattr(c.callback, "__name__", "")) for c in data.group.registered_commands}


def test_every_route_and_every_rule_is_of_use() -> None:
    for route in ROUTES:
        assert any(route.fits(situation) for situation, _ in answers()), route
    said = {why for _, advice in answers() for plan in plans(advice) for why in plan.why}
    for rule in RULES:
        assert rule.why in said


# --- what follows from what -------------------------------------------------------------------------------------------


def test_registered_pairs_are_trained_on_as_they_are() -> None:
    advice = advise(Situation("nir2rgb", "registered", 372, data=("my/pairs",), stated=False))
    config, flags = trained(advice.plan)
    assert (config.model, config.preset, config.pairing) == ("nirgan-base", "small", None)
    assert flags["--data"] == ["my/pairs"]
    assert config.validation.patience > 0
    assert config.dataset.augment.scale > 0
    assert typed(advice.plan, "nirgan", "evaluate") == ["--weights", flags["--out"][0]]
    assert trained(advise(Situation("nir2rgb", "registered", 372)).plan)[0].pairing == "registered"


def test_unregistered_pairs_are_aligned_else_registered_else_not_asked_for() -> None:
    advice = advise(Situation("nir2rgb", "unregistered", 372, data=("some/cameras",)))
    first, second, third = plans(advice)
    assert typed(first, "nirgan", "data", "align") == ["some/cameras", "--out", "cameras-aligned"]
    config, flags = trained(first)
    assert flags["--data"] == ["cameras-aligned"]
    assert config.pairing is None  # what align writes is recognised
    config, _ = trained(second)
    assert config.options["registration"] is True
    assert (config.pairing, config.data) == ("unregistered", ["some/cameras"])
    assert trained(third)[0].model == "asym-cyclegan"
    assert len({trained(plan)[1]["--out"][0] for plan in (first, second, third)}) == 3


def test_each_folder_is_aligned_into_one_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def aligned(*data: str) -> list[str]:
        commands = advise(Situation("nir2rgb", "unregistered", 372, data=data)).plan.commands
        return [shlex.split(line)[-1] for line in commands if line.startswith("nirgan data align ")]

    assert aligned("a/pairs", "b/pairs", "nir-rgb:c/others/") == ["pairs-aligned", "pairs-aligned-2", "others-aligned"]
    (tmp_path / "cameras").mkdir()
    monkeypatch.chdir(tmp_path / "cameras")  # among whose pictures no others may be written
    assert aligned(".") == [str(tmp_path.resolve() / "cameras-aligned")]


def test_without_pairs_cycles_are_closed_and_nothing_is_scored() -> None:
    advice = advise(Situation("nir2rgb", "none", 500))
    for plan in plans(advice):
        config, _ = trained(plan)
        assert config.pairing == "unpaired"
        assert "unpaired" in recipe_class(config.model).pairings
        assert config.validation.patience == 0
        assert not any(line.startswith("nirgan evaluate") for line in plan.commands)
    assert "hues may swap" in advice.plan.why[0]


@pytest.mark.parametrize("pairs", PAIRS)
def test_photographs_get_recipes_that_keep_lightness(pairs: Any) -> None:
    advice = advise(Situation("gray2rgb", pairs, 500))
    assert {plan.model for plan in plans(advice)} == {
        "nirgan-base",
        "colorful",
        "siggraph17",
        "iizuka",
        "koalarization",
    }
    assert "--pairing" not in trained(advice.plan)[1]
    assert "lightness stays as it is" in advice.plan.why[0]
    drawn = advise(Situation("gray2rgb", pairs, 500), "cyclegan").plan  # draws all three channels
    assert not any("lightness" in why for why in drawn.why)
    assert (
        trained(advice.plan)[0].dataset.augment.brightness
        == recipe_class("nirgan-base").presets["small"]["dataset"]["augment"]["brightness"]
    )


def test_few_many_and_the_machine() -> None:
    def settings(count: int, machine: Any, model: str | None = None) -> dict[str, Any]:
        return advise(Situation("nir2rgb", "registered", count, machine), model).plan.settings

    assert settings(FEW - 1, "cpu", "pix2pix")["dataset.augment.brightness"] == 0.2
    assert "dataset.augment.brightness" not in settings(FEW, "cpu", "pix2pix")
    assert "dataset.augment.brightness" not in settings(1, "cpu")  # the preset has its own
    assert "validation.patience" not in settings(FEW, "cpu")
    assert settings(FEW - 1, "cpu")["validation.every_steps"] < settings(FEW - 1, "gpu")["validation.every_steps"]
    assert settings(MANY + 1, "cpu")["minutes"] == 120
    assert "minutes" not in settings(MANY, "cpu")
    assert settings(MANY, "gpu") == {"preset": "paper"}
    assert settings(MANY, "gpu", "pix2pix") == {"preset": "paper", "ema.decay": 0.999, "minutes": 120.0}


@pytest.mark.parametrize(("side", "crop"), [(1000, None), (128, None), (127, 96), (64, 64), (63, None)])
def test_crops_fit_the_smallest_picture(side: int, crop: int | None) -> None:
    advice = advise(Situation("nir2rgb", "none", 500, short_side=side), "cyclegan")
    assert recipe_class("cyclegan").presets["small"]["crop"] == 128
    assert advice.plan.settings.get("crop") == crop
    assert any("leave out" in why for why in advice.plan.why) == (side < 64)


def test_what_the_preset_cannot_crop_another_may(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses_small(cls: Any, crop: int, options: Any) -> None:
        if crop < options["width"]:
            raise NirganError("too small")

    monkeypatch.setattr(recipe_class("cyclegan"), "check_crop", classmethod(refuses_small))
    widths = {"paper": {"options": {"width": 150}}, "small": {"options": {"width": 80}}}
    monkeypatch.setattr(recipe_class("cyclegan"), "presets", widths)

    def words(side: int) -> str:
        plan = advise(Situation("nir2rgb", "none", 500, "gpu", short_side=side), "cyclegan").plan
        return next(why for why in plan.why if "smallest picture" in why)

    assert words(200) == "crops of 192 pixels: the smallest picture has a side of 200"
    assert words(130).endswith("smaller than 160, for --crop 160; or keep them with --preset small --crop 128")
    assert words(70).endswith("smaller than 160, for --crop 160")


@pytest.mark.parametrize(("task", "pairs"), [("nir2rgb", "registered"), ("gray2rgb", "none")])
def test_recipes_that_bring_pictures_to_one_size_take_small_ones(task: Any, pairs: Any) -> None:
    plan = advise(Situation(task, pairs, 500, short_side=40), "nirgan-base").plan
    assert "crop" not in plan.settings
    assert not any("smallest picture" in why for why in plan.why)


# --- models that are asked about --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model", ["colorful", "siggraph17", "iizuka", "koalarization", "larsson", "gray", "mean-color", "random-color"]
)
def test_lightness_keepers_are_refused_for_nir(model: str) -> None:
    with pytest.raises(
        NirganError, match=r"keeps the lightness of its source. NIR is no lightness: foliage is bright"
    ) as refused:
        advise(Situation("nir2rgb", "registered", 372), model)
    assert "nirgan-base" in str(refused.value)
    assert "--task gray2rgb" in str(refused.value)
    assert advise(Situation("gray2rgb", "none", 372), model).plan.model == model


def test_what_fits_no_data_is_refused() -> None:
    with pytest.raises(NirganError, match="sc-gan is for nir2rgb, not for gray2rgb"):
        advise(Situation("gray2rgb", "none", 372), "sc-gan")
    with pytest.raises(
        NirganError, match="sc-gan takes registered pictures, and these are unpaired: take asym-cyclegan"
    ):
        advise(Situation("nir2rgb", "none", 372), "sc-gan")
    with pytest.raises(NirganError, match="did you mean 'pix2pix'"):
        advise(Situation("nir2rgb", "none", 372), "pix2pixx")
    with pytest.raises(NirganError, match="--count is 0"):
        advise(Situation("nir2rgb", "none", 0))


def test_every_model_that_can_take_the_data_gets_an_answer() -> None:
    ours = {name: recipe_class(name) for name in list_models()}  # other tests may have registered some
    ours = {name: recipe for name, recipe in ours.items() if recipe.__module__.startswith("nirgan.models.")}
    for (name, recipe), pairs in product(ours.items(), PAIRS):
        task = "nir2rgb" if "nir2rgb" in recipe.tasks else "gray2rgb"
        situation = Situation(task, pairs, 300)  # type: ignore[arg-type]
        if task == "nir2rgb" and pairs == "none" and "unpaired" not in recipe.pairings:
            continue
        for plan in plans(advise(situation, name)):
            assert plan.model == name
            assert trained(plan)[0].model == name
    aligned, registered = plans(advise(Situation("nir2rgb", "unregistered", 300), "s-shape"))
    assert any("data align" in line for line in aligned.commands)
    assert registered.settings["options.registration"] is True
    assert registered.why[0].startswith("if too few pairs can be aligned")


def test_a_baseline_is_prepared_without_rules_of_training() -> None:
    plan = advise(Situation("gray2rgb", "none", 10), "mean-color").plan
    assert plan.settings == {}
    assert len(plan.why) == 1
