"""One stage of a run: its optimisers, its moving average, its view of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from nirgan.models.recipe import Optimiser, Phase, Recipe, Stage
from nirgan.training.ema import Ema
from nirgan.training.runtime import Runtime
from nirgan.training.step import PhaseUpdate, Step


@dataclass(frozen=True)
class Method:
    """How the networks are updated.

    Attributes:
        optimiser: Settings of a phase.
        batch_size: Of stages that do not state their own; per process and micro-batch.
        accumulate: Micro-batches a step.
        ema_decay: 0 keeps no average.
        clip: Largest gradient norm of a phase; 0 does not clip.
        compile: Compile the trained networks for training.
        seed: The run's.
    """

    optimiser: Callable[[Phase], Optimiser] = lambda phase: phase.optimiser
    batch_size: int = 4
    accumulate: int = 1
    ema_decay: float = 0.999
    clip: float = 0.0
    compile: bool = False
    seed: int = 0


class StageRun:
    """A stage while it runs; it begins with fresh optimisers, average and gradients, on the averages of the one before.

    Args:
        recipe: Left in training mode.
        index: The stage's number.
        method: How to update.
        runtime: Device and processes.

    Attributes:
        stage: As the recipe states it.
        index: Its number.
        batch_size: Per process and micro-batch.
        updates: One for each phase.
        run_step: Runs the phases on one step's micro-batches.
        ema: None if none is kept.
    """

    def __init__(self, recipe: Recipe, index: int, method: Method, runtime: Runtime) -> None:
        self.stage: Stage = recipe.stages[index]
        self.index = index
        self.batch_size = self.stage.batch_size or method.batch_size
        self._recipe = recipe
        self.updates = [
            PhaseUpdate(recipe, phase, method.optimiser(phase), runtime, method.clip) for phase in self.stage.phases
        ]
        self.run_step = Step(recipe, self.updates, runtime).run
        averaged = self._averaged()
        self.ema = Ema(averaged, method.ema_decay) if method.ema_decay and averaged else None
        self.train_mode()
        if method.compile:
            self._compile()

    def _averaged(self) -> dict[str, nn.Parameter]:
        trained = {id(parameter) for update in self.updates for parameter in update.parameters}
        below = tuple(f"networks.{path}." for path in self._recipe.translates_with)
        named = self._recipe.named_parameters()
        return {name: parameter for name, parameter in named if name.startswith(below) and id(parameter) in trained}

    def _compile(self) -> None:
        trained = (path.split(".")[0] for phase in self.stage.phases for path in phase.trains)
        for name in dict.fromkeys(trained):
            self._recipe.network(name).compile()  # in place: names in the state stay what they are

    def leave_average(self) -> None:
        """Let the networks be, from now on, the average: what was validated is what the stages after this one get."""
        if self.ema is not None:
            self.ema.swap()

    def train_mode(self) -> None:
        """Put the recipe into training mode, as ``train_mode``."""
        train_mode(self._recipe, self.stage)

    def state_dict(self) -> dict[str, Any]:
        """Optimisers, scalers and average."""
        return {
            "stage": self.index,
            "phases": {update.phase.name: update.state_dict() for update in self.updates},
            "ema": {} if self.ema is None else self.ema.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put ``state_dict`` back."""
        for update in self.updates:
            update.load_state_dict(state["phases"][update.phase.name])
        if self.ema is not None and state["ema"]:
            self.ema.load_state_dict(state["ema"])


def train_mode(recipe: Recipe, stage: Stage) -> None:
    """Training mode for what the stage trains; eval mode for the rest, whose norms' statistics must not drift."""
    recipe.train()
    recipe.networks.eval()
    for path in (path for phase in stage.phases for path in phase.trains):
        recipe.network(path).train()
    for path in stage.eval_mode:
        recipe.network(path).eval()


def copy_networks(recipe: Recipe, stage: Stage) -> None:
    """Let networks of a stage that begins be copies of others, as its ``starts_from`` says."""
    for name, other in stage.starts_from.items():
        recipe.network(name).load_state_dict(recipe.network(other).state_dict())
