"""One training step: nirgan's own, measured in turn with two conventional ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from nirgan.allocator import keep_freed_memory, return_freed_memory
from nirgan.bench.conventional import ConventionalStep
from nirgan.bench.turns import clocked, enough_times, rate, take_turns, times_as_fast
from nirgan.config import RunConfig
from nirgan.data.index import Data
from nirgan.data.readable import ReadableSamples
from nirgan.errors import NirganError
from nirgan.inference.device import place
from nirgan.models import recipe_class
from nirgan.models.recipe import At, Recipe, Stage
from nirgan.training.batches import TrainingBatches
from nirgan.training.runtime import Runtime
from nirgan.training.stage import Method, StageRun
from nirgan.training.train import build_recipe, method_of
from nirgan.training.validate import evenly_spread

Losses = Mapping[str, Tensor]
RunStep = Callable[[Mapping[str, Any], At], Losses]

BATCHES = 4
"""Different batches that the steps go through, so that methods which alternate see each of their views."""
_FROZEN_RATE = 1e-12
"""A learning rate that moves nothing: every phase of a first step then starts from the same weights."""
_ROUNDING = 5e-3
"""Relative difference of losses that other layouts and kernels may make; other work makes far more."""


class Stepper:
    """A way to train, with its own count of steps and random numbers, over the same few batches as the others.

    Args:
        run: Does one step.
        stage: For ``At``.
        batches: As the data layer gives them.
        device: Of the random numbers.

    Attributes:
        losses: Of the last step.
    """

    def __init__(self, run: RunStep, stage: Stage, batches: Sequence[Mapping[str, Any]], device: torch.device) -> None:
        self._run, self._stage, self._batches = run, stage, batches
        self._generator = torch.Generator(device).manual_seed(0)
        self._step = 0
        self.losses: Losses = {}

    def __call__(self) -> Losses:
        """Do the next step."""
        at = At(self._step, 0, self._step, 0.0, self._stage.name, self._generator)
        batch = self._batches[self._step % len(self._batches)]
        self._step += 1
        self.losses = self._run(batch, at)
        return self.losses


def measure_step(config: RunConfig, data: Data, runtime: Runtime, rounds: int) -> dict[str, Any]:
    """Images a second of nirgan's step and of the conventional ones, their ratios, and what a step computes.

    Args:
        config: Batch, crop, options, compile; the recipe's first stage is measured.
        data: Training pictures.
        runtime: Device and precision of nirgan's side; the conventional ones are float32.
        rounds: Measurements of each.

    Raises:
        NirganError: if a loss is not finite, or the sides do not do the same work.
    """
    recipe, method = prepared_recipe(config, data), method_of(config)
    batches = training_batches(config, data, runtime, recipe.stages[0])
    images = len(batches[0]["source"])
    check_same_work(config, data, batches)
    steppers = steppers_of(recipe, method, runtime, batches)
    for name, step in steppers.items():
        _check_finite(name, step())
    gflop = {name: count_gflop(step) for name, step in steppers.items()}  # warms up, too
    times = enough_times(clocked(steppers["nirgan"], wait=runtime.synchronise)())
    sides = {name: clocked(step, times, runtime.synchronise, before=_memory(name)) for name, step in steppers.items()}
    seconds = take_turns(sides, rounds)
    for name, step in steppers.items():
        _check_finite(name, step.losses)
    return {
        "images": images,
        "images_per_s": {name: rate(values, images) for name, values in seconds.items()},
        "times_as_fast": {
            name: times_as_fast(seconds["nirgan"], values) for name, values in seconds.items() if name != "nirgan"
        },
        "gflop": gflop,
        "gflop_per_s": {name: rate(values, gflop[name])["median"] for name, values in seconds.items()},
    }


def prepared_recipe(config: RunConfig, data: Data) -> Recipe:
    """The recipe as training starts with it."""
    recipe = build_recipe(config, data)
    recipe.prepare(ReadableSamples(data, evenly_spread(data.sources("train"), recipe.prepared_on)))
    return recipe


def training_batches(config: RunConfig, data: Data, runtime: Runtime, stage: Stage) -> list[dict[str, Any]]:
    """The first batches of a training of this stage."""
    source = TrainingBatches(data, config, runtime)
    generator = torch.Generator(runtime.device)

    def view(step: int) -> str:
        return stage.view_at(At(step, 0, step, 0.0, stage.name, generator))

    plan = source.plan(stage.batch_size or config.batch_size)
    return list(islice(source.serve(plan, 0, BATCHES, view), BATCHES))


def steppers_of(
    recipe: Recipe, method: Method, runtime: Runtime, batches: Sequence[Mapping[str, Any]]
) -> dict[str, Stepper]:
    """The three ways to train, each on a copy of the recipe, from the same weights."""
    stage = recipe.stages[0]
    runs: dict[str, RunStep] = {"nirgan": nirgan_step(deepcopy(recipe), method, runtime)}
    for habit in ("naive", "reference"):
        copy = deepcopy(recipe)
        runs[habit] = ConventionalStep(copy, copy.stages[0], method.optimiser, runtime.device, habit).run  # type: ignore[arg-type]
    return {name: Stepper(run, stage, batches, runtime.device) for name, run in runs.items()}


def nirgan_step(recipe: Recipe, method: Method, runtime: Runtime) -> RunStep:
    """What the trainer does in a step: place the batch, set the rates, run the phases, move the average."""
    place(recipe, runtime.device)
    stage = StageRun(recipe, 0, method, runtime)

    def run(batch: Mapping[str, Any], at: At) -> Losses:
        for update in stage.updates:
            update.set_rate(at.progress, at.step)
        losses = stage.run_step([runtime.place(batch)], at)
        if stage.ema is not None:
            stage.ema.update()
        return losses.terms

    return run


def count_gflop(step: Callable[[], object]) -> float:
    """Operations of the convolutions and matrix products of a step, forward and backward, in 10⁹; run eagerly."""
    with torch.compiler.set_stance("force_eager"), FlopCounterMode(display=False) as counter:
        step()
    return counter.get_total_flops() / 1e9


def check_same_work(config: RunConfig, data: Data, batches: Sequence[Mapping[str, Any]]) -> None:
    """Compare the first losses of all sides in float32, without the recipe's random numbers and with still weights.

    Raises:
        NirganError: if they differ by more than rounding.
    """
    runtime = Runtime(device=config.device)
    quiet = config.model_copy(update={"options": {**config.options, **recipe_class(config.model).quiet}})
    method = replace(method_of(quiet), optimiser=_still(method_of(quiet)), compile=False)
    first = {
        name: {term: float(value) for term, value in step().items()}
        for name, step in steppers_of(prepared_recipe(quiet, data), method, runtime, batches).items()
    }
    own = first.pop("nirgan")
    for name, losses in first.items():
        for term in own.keys() | losses.keys():
            ours, theirs = own.get(term, float("nan")), losses.get(term, float("nan"))
            if not abs(ours - theirs) <= _ROUNDING * max(1.0, abs(theirs)):
                raise NirganError(
                    f"{config.model}: the {name} step's first {term} is {theirs:.6g} and nirgan's {ours:.6g}: "
                    "they do different work, so their speeds say nothing; this is a fault in the recipe or in nirgan"
                )


def _still(method: Method) -> Callable[[Any], Any]:
    return lambda phase: replace(method.optimiser(phase), lr=_FROZEN_RATE)


def _memory(name: str) -> Callable[[], None]:
    """How a side's process treats freed memory: the sides share one here."""
    return keep_freed_memory if name == "nirgan" else return_freed_memory


def _check_finite(name: str, losses: Losses) -> None:
    for term, value in losses.items():
        if not bool(torch.isfinite(value)):
            raise NirganError(
                f"the {name} step's loss {term} is {float(value)}: nothing to compare; try --precision 32"
            )
