"""Checks that any registered recipe must pass at its preset ``tiny``, as a class of pytest tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from nirgan.config import RunConfig, resolve_config
from nirgan.data.sample import Sample, collate
from nirgan.models import create_model, recipe_class
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Stage
from nirgan.models.weights import load_recipe, read_weights
from nirgan.testing.pictures import synthetic_samples
from nirgan.training import train
from nirgan.training.runtime import Runtime
from nirgan.training.stage import train_mode
from nirgan.training.step import PhaseUpdate, Step
from nirgan.training.train import method_of

FIT_TERMS = ("l1", "l2", "reconstruction", "cycle", "class")
"""A term whose name begins with one of these measures how well the recipe fits its pictures, and must fall."""


def conformance(
    model: str,
    *,
    task: str | None = None,
    extras: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
) -> type:
    """A class of tests for the recipe called ``model``; give it a name that begins with ``Test``.

    Args:
        model: As registered; two-process tests find it by name in new processes, through its entry point.
        task: None takes the recipe's first.
        extras: Values of the sample fields that the recipe needs (``caption``, ``boxes`` …), the same for every sample.
        options: Of the recipe, over those of its preset.
    """
    settings = {"model": model, "task": task, "extras": dict(extras or {}), "options": dict(options or {})}
    return type(f"Test_{model.replace('-', '_')}", (RecipeConformance,), settings)


class RecipeConformance:
    """The tests; see ``conformance``."""

    __test__ = False
    model: ClassVar[str]
    task: ClassVar[str | None] = None
    extras: ClassVar[dict[str, Any]] = {}
    options: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls) -> None:
        cls.__test__ = True

    # --- what the tests share ---------------------------------------------------------------------------------------

    def config(self, **changes: Any) -> RunConfig:
        """The run settings of the preset ``tiny``."""
        task = {} if self.task is None else {"task": self.task}
        return resolve_config({"model": self.model, "preset": "tiny", "options": self.options, **task, **changes})

    def build(self, *, channels: int = 1, **options: Any) -> Recipe:
        """The recipe at its preset ``tiny``, prepared, with weights from seed 0."""
        config = self.config()
        torch.manual_seed(0)
        recipe = create_model(
            self.model,
            task=config.task,
            source_channels=channels,
            crop=config.crop,
            **{**config.options, **options},
        )
        recipe.prepare(self.samples(channels))
        return recipe

    def samples(self, channels: int = 1) -> list[Sample]:
        """Built-in scenes of the preset's crop, as many as its batch holds."""
        config = self.config()
        task = config.task or "nir2rgb"
        return synthetic_samples(config.batch_size, config.crop, task=task, channels=channels, extras=self.extras)

    def batch(self, channels: int = 1) -> dict[str, Any]:
        """The samples as one batch."""
        return collate(self.samples(channels), "image")

    def run_steps(self, recipe: Recipe, steps: int, **options: Any) -> Recorded:
        """Train on one batch with the preset's own optimisers."""
        optimiser = method_of(self.config()).optimiser
        return run_steps(recipe, self.batch(recipe.built_with["source_channels"]), steps, optimiser, **options)

    @pytest.fixture(scope="class")
    def scenes(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A folder of a few built-in pairs, a little larger than the preset's crop."""
        from nirgan.data.synth import write_scenes

        folder = tmp_path_factory.mktemp("scenes")
        write_scenes(folder / "data", 10, size=(self.config().crop + 8, self.config().crop + 16))
        return folder / "data"

    def train(self, scenes: Path, out: Path, *, resume: bool = False, **changes: Any) -> dict[str, Tensor]:
        """Train on ``scenes``; returns the weights of the last checkpoint."""
        quick = {"validation": {"every_steps": 0}, "logging": {"samples_every_steps": 0, "every_steps": 1}}
        train(self.config(data=[str(scenes)], **quick, **changes), out=out, resume=resume)
        return read_weights(out / "checkpoints" / "last" / "weights.safetensors")[1]

    # --- the recipe as it stands ------------------------------------------------------------------------------------

    def test_states_what_the_contract_asks(self) -> None:
        recipe = self.build()
        assert set(type(recipe).presets) >= {"paper", "small", "tiny"}
        assert recipe.tasks
        assert recipe.pairings
        assert recipe.stride >= 1
        assert recipe.halo % recipe.stride == 0
        assert len({stage.name for stage in recipe.stages}) == len(recipe.stages)
        for path in recipe.translates_with:
            recipe.network(path)
        for stage in recipe.stages:
            assert len({phase.name for phase in stage.phases}) == len(stage.phases)
            for path in (*stage.eval_mode, *(path for phase in stage.phases for path in phase.trains)):
                recipe.network(path)

    def test_registers_each_network_once(self) -> None:
        recipe = self.build()
        modules = [id(m) for network in recipe.networks.values() for m in network.modules()]
        assert len(modules) == len(set(modules)), "a module is part of two entries of `networks`: give it its own entry"
        held = {id(p) for p in recipe.networks.parameters()}
        assert all(id(p) in held for p in recipe.parameters()), "a parameter lies outside `networks`"

    def test_every_part_of_the_contract_carries_several_channels(self) -> None:
        if self.config().task == "gray2rgb":
            pytest.skip("grey has one channel")
        recipe = self.build(channels=4)
        self.run_steps(recipe, 1)

    # --- training ---------------------------------------------------------------------------------------------------

    def test_trains_exactly_what_its_phases_name(self) -> None:
        recipe = self.build()
        for stage in recipe.stages:
            recorded = self.run_steps(recipe, 2, stage=stage).gradients
            for phase in stage.phases:
                expected = {
                    f"{path}.{name}" for path in phase.trains for name, _ in recipe.network(path).named_parameters()
                }
                assert recorded.get(phase.name, set()) == expected, phase.name

    def test_networks_that_no_phase_trains_stay_as_they_are(self) -> None:
        recipe = self.build()
        trained = tuple(
            f"networks.{path}." for stage in recipe.stages for phase in stage.phases for path in phase.trains
        )
        held = (*recipe.networks.named_parameters("networks"), *recipe.networks.named_buffers("networks"))
        frozen = {name: (now, now.detach().clone()) for name, now in held if not name.startswith(trained)}
        self.run_steps(recipe, 2)
        for name, (now, before) in frozen.items():
            assert torch.equal(before, now), name

    def test_fits_one_batch(self) -> None:
        recipe = self.build()
        if not recipe.stages:
            pytest.skip("prepared, not trained")
        for stage in recipe.stages:
            history = self.run_steps(recipe, 40, stage=stage).losses
            fits = [name for name in history[0] if name.split("/")[1].startswith(FIT_TERMS)]
            assert fits, f"no term of stage '{stage.name}' begins with one of {FIT_TERMS}: name one so"
            assert all(torch.isfinite(value) for losses in history for value in losses.values())
            for name in fits:
                first = torch.stack([losses[name] for losses in history[:3]]).mean()
                last = torch.stack([losses[name] for losses in history[-3:]]).mean()
                assert last < first, f"{name} went from {first:.4f} to {last:.4f}"

    def test_resumes_exactly(self, scenes: Path, tmp_path: Path) -> None:
        if not self.build().stages:
            pytest.skip("prepared, not trained")
        unbroken = self.train(scenes, tmp_path / "unbroken", steps=4, checkpoint={"every_steps": 2})
        # The same schedule, stopped half-way as if the machine had been switched off after its second step.
        stopped = tmp_path / "stopped"
        with pytest.raises(SwitchedOff), switched_off_after(2):
            self.train(scenes, stopped, steps=4, checkpoint={"every_steps": 2})
        resumed = self.train(scenes, stopped, resume=True, steps=4, checkpoint={"every_steps": 2})
        assert unbroken.keys() == resumed.keys()
        for name, value in unbroken.items():
            assert torch.equal(value, resumed[name]), name
        assert_equal_states(tmp_path / "unbroken", stopped)

    def test_trains_in_bf16(self) -> None:
        recorded = self.run_steps(self.build(), 2, precision="bf16")
        assert all(torch.isfinite(value) for losses in recorded.losses for value in losses.values())

    def test_two_processes_equal_one(self, scenes: Path, tmp_path: Path) -> None:
        if not self.build().stages:
            pytest.skip("prepared, not trained")
        options = {**self.config().options, **recipe_class(self.model).quiet}
        common = [
            "--data",
            str(scenes),
            "--steps",
            "3",
            "--set",
            f"options={json.dumps(options)}",
            "--set",
            "ema.decay=0",
        ]
        command_line(self.config(), tmp_path / "one", [*common, "--set", "accumulate=2"])
        command_line(self.config(), tmp_path / "two", [*common, "--devices", "2"])
        source = self.batch()["source"]
        outputs = []
        for name in ("one", "two"):
            recipe, _ = load_recipe(tmp_path / name / "checkpoints" / "last" / "weights.safetensors")
            outputs.append(predict(recipe, source))
        assert (outputs[0] - outputs[1]).abs().max() <= 1e-5

    # --- prediction -------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("size", [(1, 1), (1, 37), (33, 65), (70, 31)])
    def test_translates_any_size(self, size: tuple[int, int]) -> None:
        from nirgan.inference.run import translate_source

        output = translate_source(self.build().eval(), torch.rand(1, *size))
        assert output.shape == (3, *size)
        assert output.min() >= 0
        assert output.max() <= 1

    def test_tiles_equal_the_whole_picture(self) -> None:
        from nirgan.inference.predict import untileable
        from nirgan.inference.run import translate_source
        from nirgan.layers.reach import round_up

        recipe = self.build().eval()
        if untileable(recipe):
            pytest.skip("looks at whole pictures")
        side = max(3 * recipe.halo, round_up(48, recipe.stride))
        source = torch.rand(1, side, 2 * side, generator=torch.Generator().manual_seed(0))
        whole, tiled = (translate_source(recipe, source, tile=tile) for tile in (0, side))
        difference = (whole - tiled).abs().max()
        assert difference <= 1e-4, f"tiles with a margin of `halo` ({recipe.halo}) differ by {difference:.4f}"

    def test_an_ensemble_turns_with_the_picture(self) -> None:
        from nirgan.inference.run import translate_source

        recipe, source = self.build().eval(), torch.rand(1, 33, 46, generator=torch.Generator().manual_seed(0))
        stir(recipe)  # many begin as a copy of the source or as grey, which turn with it by themselves
        upright = translate_source(recipe, source, ensemble=8)
        turned = translate_source(recipe, source.rot90(1, (1, 2)), ensemble=8)
        # On average: a colour that is chosen, as a median is, may jump where two are as good.
        assert (turned.rot90(-1, (1, 2)) - upright).abs().mean() <= 1e-4

    def test_prediction_repeats_and_draws_no_random_numbers(self) -> None:
        recipe, source = self.build().eval(), self.batch()["source"]
        state = torch.get_rng_state()
        first = predict(recipe, source)
        assert torch.equal(state, torch.get_rng_state())
        assert torch.equal(first, predict(recipe, source))

    def test_saves_and_loads_its_weights(self, scenes: Path, tmp_path: Path) -> None:
        self.train(scenes, tmp_path / "run", steps=1)
        path = tmp_path / "run" / "checkpoints" / "last" / "weights.safetensors"
        first, info = load_recipe(path)
        assert info.model == self.model
        again, _ = load_recipe(path)
        source = self.batch()["source"]
        assert torch.equal(predict(first, source), predict(again, source))
        untrained = self.build().eval()
        if untrained.stages:
            assert not torch.equal(predict(first, source), predict(untrained, source))


class Recorded:
    """What ``run_steps`` saw.

    Attributes:
        losses: Per step, unweighted values by ``<phase>/<term>``.
        gradients: Per phase, parameters (paths below ``networks``) whose gradient was not zero in some step.
    """

    def __init__(self) -> None:
        self.losses: list[dict[str, Tensor]] = []
        self.gradients: dict[str, set[str]] = {}


def run_steps(
    recipe: Recipe,
    batch: dict[str, Any],
    steps: int,
    optimiser: Callable[[Phase], Optimiser],
    *,
    stage: Stage | None = None,
    precision: str = "32",
) -> Recorded:
    """Train a recipe on one batch, over and over, with the trainer's own step."""
    recorded = Recorded()
    if not recipe.stages:
        return recorded
    stage = stage or recipe.stages[0]
    runtime = Runtime(device="cpu", precision=precision)  # type: ignore[arg-type]  # one of its three words
    train_mode(recipe, stage)
    updates = [PhaseUpdate(recipe, phase, optimiser(phase), runtime) for phase in stage.phases]
    for update in updates:
        _watch(update, recipe, recorded)
    step = Step(recipe, updates, runtime)
    for number in range(steps):
        at = At(number, 0, number, number / steps, stage.name, torch.Generator().manual_seed(number))
        served = {**batch, "view": stage.view_at(at)}
        recorded.losses.append(step.run([served], at).terms)
    return recorded


def _watch(update: Any, recipe: Recipe, recorded: Recorded) -> None:
    names = {id(parameter): name for name, parameter in recipe.networks.named_parameters()}
    seen = recorded.gradients.setdefault(update.phase.name, set())
    original = update.update

    def record(**arguments: Any) -> Any:
        everywhere = (p for p in recipe.networks.parameters() if p.grad is not None)
        seen.update(names[id(p)] for p in everywhere if p.grad is not None and bool(p.grad.any()))
        return original(**arguments)

    update.update = record


@torch.no_grad()
def predict(recipe: Recipe, source: Tensor) -> Tensor:
    """The composed output for a batch, without conditions."""
    return recipe.compose(source, recipe.predict(source, {}))


@torch.no_grad()
def stir(recipe: Recipe) -> None:
    """Change all weights a little, as training does."""
    generator = torch.Generator().manual_seed(0)
    for parameter in recipe.networks.parameters():
        parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


class SwitchedOff(BaseException):
    """Stands for the machine being switched off."""


class switched_off_after:  # noqa: N801  reads as a context: `with switched_off_after(2):`
    """End training without any cleaning up when a step after ``steps`` begins."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._patch = pytest.MonkeyPatch()

    def __enter__(self) -> None:
        original, limit = Step.run, self._steps

        def run(step: Step, batches: Any, at: At, **arguments: Any) -> Any:
            if at.step >= limit:
                raise SwitchedOff
            return original(step, batches, at, **arguments)

        self._patch.setattr(Step, "run", run)

    def __exit__(self, *error: object) -> None:
        self._patch.undo()


def assert_equal_states(one: Path, other: Path) -> None:
    """Raise AssertionError where two runs' training states differ (elapsed time and names of log files aside)."""
    states = [torch.load(run / "checkpoints" / "last" / "state.pt", weights_only=True) for run in (one, other)]
    _assert_equal(states[0], states[1], "state")


def _assert_equal(one: Any, other: Any, where: str) -> None:
    assert type(one) is type(other), where
    if isinstance(one, Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            if key != "log" and "seconds" not in str(key):
                _assert_equal(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            _assert_equal(a, b, f"{where}[{index}]")
    else:
        assert one == other or (one != one and other != other), where  # NaN, a score before the first, equals itself


def command_line(config: RunConfig, out: Path, arguments: list[str]) -> None:
    """Run ``nirgan train`` at the preset ``tiny`` in a process of its own."""
    command = [sys.executable, "-m", "nirgan", "train", "--model", config.model, "--preset", "tiny"]
    command += ["--task", str(config.task), "--device", "cpu", "--out", str(out)]
    command += ["--set", "validation.every_steps=0", "--set", "logging.samples_every_steps=0", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
