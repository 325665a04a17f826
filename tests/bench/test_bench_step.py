"""The conventional steps do nirgan's work, and do it conventionally."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch

from nirgan.bench import step as bench_step
from nirgan.bench.conventional import ConventionalStep, plain_layers, plain_optimiser
from nirgan.bench.profile import top_operators
from nirgan.bench.step import (
    check_same_work,
    count_gflop,
    measure_step,
    prepared_recipe,
    steppers_of,
    training_batches,
)
from nirgan.config import RunConfig, resolve_config
from nirgan.data.index import Data
from nirgan.data.open import open_data
from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError
from nirgan.models import create_model, recipe_class
from nirgan.models.recipe import Optimiser, Recipe
from nirgan.training.runtime import Runtime
from nirgan.training.train import method_of

MODELS = ["pix2pix", "asym-cyclegan"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Data:
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder / "pairs", 4, size=(40, 48))
    return open_data([str(folder / "pairs")], task="nir2rgb", val_share=0.0, test_share=0.0)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime(device="cpu")


def quiet_config(model: str, **changes: Any) -> RunConfig:
    config = resolve_config({"model": model, "preset": "tiny", "device": "cpu", **changes})
    return config.model_copy(update={"options": {**config.options, **recipe_class(model).quiet}})


def largest_difference(one: Recipe, other: Recipe, network: str) -> float:
    pairs = zip(one.networks[network].parameters(), other.networks[network].parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


@pytest.mark.parametrize("habit", ["naive", "reference"])
@pytest.mark.parametrize("model", MODELS)
def test_a_conventional_step_leaves_the_weights_that_nirgans_does(
    model: str, habit: Any, data: Data, runtime: Runtime
) -> None:
    config = quiet_config(model)
    start = prepared_recipe(config, data)
    # Plain gradient descent: Adam's first step is the gradient's sign, which rounding decides where it is nearly zero.
    method = replace(method_of(config), optimiser=lambda phase: Optimiser("sgd", lr=0.05, betas=(0.0, 0.0)))
    ours, theirs = deepcopy(start), deepcopy(start)
    batches = training_batches(config, data, runtime, start.stages[0])
    at_work = {
        "nirgan": bench_step.nirgan_step(ours, method, runtime),
        habit: ConventionalStep(theirs, theirs.stages[0], method.optimiser, runtime.device, habit).run,
    }
    for run in at_work.values():
        bench_step.Stepper(run, start.stages[0], batches, runtime.device)()
    for network in start.networks:
        moved = largest_difference(start, ours, network)
        # What a naive code judges last was made by a generator that had moved already.
        exact = habit == "reference" or model == "pix2pix" or network.startswith("generator")
        assert moved > 1e-4
        assert (largest_difference(ours, theirs, network) < 1e-3 * moved) == exact, network


def test_naive_runs_everything_for_each_phase_and_reference_once(data: Data, runtime: Runtime) -> None:
    config = quiet_config("pix2pix")
    recipe = prepared_recipe(config, data)
    steppers = steppers_of(
        recipe, method_of(config), runtime, training_batches(config, data, runtime, recipe.stages[0])
    )
    gflop = {name: count_gflop(step) for name, step in steppers.items()}
    assert gflop["nirgan"] == gflop["reference"] > 0
    generator = recipe.networks["generator"]
    source = torch.rand(config.batch_size, 1, config.crop, config.crop)
    once = count_gflop(lambda: generator(source))
    # One more run of the generator, and the discriminator's own gradient in the generator's update.
    assert gflop["naive"] > gflop["reference"] + once


def test_naive_lets_what_a_phase_does_not_train_take_gradient(data: Data, runtime: Runtime) -> None:
    config = quiet_config("pix2pix")
    takes = {}
    for habit in ("naive", "reference"):
        recipe = prepared_recipe(config, data)
        step = ConventionalStep(recipe, recipe.stages[0], method_of(config).optimiser, runtime.device, habit)
        batch = training_batches(config, data, runtime, recipe.stages[0])[0]
        step.run(batch, _at())
        takes[habit] = [p.requires_grad for p in recipe.networks["discriminator"].parameters()]
    assert all(takes["naive"])
    assert not any(takes["reference"])  # the generator's phase came last


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_plain_optimisers_are_neither_fused_nor_over_all_weights(name: Any) -> None:
    settings = Optimiser(name, lr=0.3, betas=(0.25, 0.75), weight_decay=0.1)
    optimiser = plain_optimiser([torch.nn.Parameter(torch.ones(2))], settings)
    assert type(optimiser).__name__.lower() == name
    group = optimiser.param_groups[0]
    assert (group["lr"], group["weight_decay"], group["foreach"]) == (0.3, 0.1, False)
    assert not group["fused"]
    assert group.get("betas") == (0.25, 0.75) or group.get("momentum") == 0.25


def test_different_work_is_refused(data: Data, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    config = quiet_config("pix2pix")
    batches = training_batches(config, data, runtime, prepared_recipe(config, data).stages[0])
    check_same_work(config, data, batches)

    class Easier(ConventionalStep):
        def run(self, batch: Any, at: Any) -> Any:
            return super().run({**batch, "target": batch["target"] * 0}, at)

    monkeypatch.setattr(bench_step, "ConventionalStep", Easier)
    with pytest.raises(NirganError, match="different work"):
        check_same_work(config, data, batches)


def test_losses_that_are_no_numbers_are_refused(data: Data, monkeypatch: pytest.MonkeyPatch, runtime: Runtime) -> None:
    config, original = quiet_config("pix2pix"), bench_step.training_batches

    def dark(*args: Any) -> list[dict[str, Any]]:
        return [{**batch, "source": batch["source"] * float("nan")} for batch in original(*args)]

    monkeypatch.setattr(bench_step, "training_batches", dark)
    monkeypatch.setattr(bench_step, "check_same_work", lambda *_: None)
    with pytest.raises(NirganError, match=r"nirgan step's loss .* is nan"):
        measure_step(config, data, runtime, rounds=1)


@pytest.mark.parametrize("model", MODELS)
def test_measured_rates_belong_together(model: str, data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nirgan.bench.turns.LONG_ENOUGH", 0.01)
    runtime = Runtime(device="cpu", precision="bf16")
    result = measure_step(quiet_config(model), data, runtime, rounds=3)
    speeds, ratios = result["images_per_s"], result["times_as_fast"]
    assert list(speeds) == ["nirgan", "naive", "reference"]
    assert list(ratios) == ["naive", "reference"]
    for name, ratio in ratios.items():
        assert 0 < ratio["low"] <= ratio["median"] <= ratio["high"]
        least, most = speeds["nirgan"]["low"] / speeds[name]["high"], speeds["nirgan"]["high"] / speeds[name]["low"]
        assert least * 0.999 <= ratio["low"] <= ratio["high"] <= most * 1.001
    for name, speed in speeds.items():
        expected = result["gflop"][name] * speed["median"] / result["images"]
        assert result["gflop_per_s"][name] == pytest.approx(expected)


def test_the_profile_names_operators_by_their_own_time(runtime: Runtime) -> None:
    big, small = torch.rand(400, 400), torch.rand(4)
    operators = top_operators(lambda: [big @ big for _ in range(20)] + [small + small], runtime, count=2)
    assert operators[0]["name"] == "aten::mm"
    assert operators[0]["calls"] == 20
    assert len(operators) == 2
    assert 1 >= operators[0]["share"] > operators[1]["share"] > 0


def _at() -> Any:
    from nirgan.models.recipe import At

    return At(0, 0, 0, 0.0, "train", torch.Generator())


def test_conventional_layers_compute_what_nirgans_do_with_operators_of_torch() -> None:
    recipe = create_model("pix2pix", crop=32, levels=2, width=4, norm="instance", upsample="resize", dropout="none")
    source = torch.rand(2, 1, 32, 32)
    plain = plain_layers(deepcopy(recipe))
    with torch.no_grad():
        expected, output = recipe.predict(source, {}), plain.predict(source, {})
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-4)
    work = {name: count_gflop(lambda r=r: r.predict(source, {})) for name, r in (("own", recipe), ("plain", plain))}
    assert work["plain"] > 1.3 * work["own"]  # nine taps for each enlarged pixel in place of four
