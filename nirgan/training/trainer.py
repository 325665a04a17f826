"""The training loop. It knows recipes, stages and phases, and no model's name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from nirgan.errors import NirganError
from nirgan.models.recipe import At, Recipe
from nirgan.monitoring.progress import Progress
from nirgan.training.clock import Clock, Pace
from nirgan.training.limits import MEASURED_STEPS, Horizon, in_words, stage_ends
from nirgan.training.losses import LossHistory
from nirgan.training.output import Output
from nirgan.training.runtime import Runtime
from nirgan.training.stage import Method, StageRun, copy_networks
from nirgan.training.state import broken_weights, load_recipe_state, process_state, shown
from nirgan.training.step import StepLosses
from nirgan.training.stop import StopSignals

logger = logging.getLogger(__name__)

_FAR = 2**40  # a step that no run reaches, while the horizon is not known


class Plan(Protocol):
    """How the training set is cut into steps."""

    def place(self, step: int) -> tuple[int, int]:
        """Epoch and step in the epoch."""


class Batches(Protocol):
    """The training data, whatever it is read from."""

    def plan(self, batch_size: int) -> Plan:
        """The steps at a batch size."""

    def serve(self, plan: Any, start: int, stop: int, view: Callable[[int], str]) -> Iterable[dict[str, Any]]:
        """Micro-batches of the steps from ``start`` to before ``stop``."""


@dataclass(frozen=True)
class Cadence:
    """Steps between log lines, validations, sample grids and checkpoints; 0 is never. All are due at the end, too."""

    log: int = 20
    validate: int = 500
    samples: int = 250
    save: int = 500


class Trainer:
    """Trains a recipe from where it stands to the horizon.

    Args:
        recipe: On the runtime's device, the same on every process.
        batches: Training data of this process.
        horizon: Length of the run.
        runtime: Device, precision and processes.
        method: How to update.
        cadence: When to write.
        output: Where to.
        progress: What people see.

    Attributes:
        step: Steps done.
        clock: Training time.
        pace: Speed.
        failed: Training pictures that could not be read: ``file: why``.
        signal: Number of the signal that ended the run early.
    """

    def __init__(
        self,
        recipe: Recipe,
        batches: Batches,
        horizon: Horizon,
        runtime: Runtime,
        *,
        method: Method,
        cadence: Cadence,
        output: Output,
        progress: Progress,
    ) -> None:
        self.recipe, self.runtime, self.horizon = recipe, runtime, horizon
        self._batches, self._method, self._cadence = batches, method, cadence
        self._output, self._progress = output, progress
        self.step = 0
        self.clock = Clock()
        self.pace = Pace(self.clock, runtime)
        self.failed: list[str] = []
        self.signal: int | None = None
        self._history = LossHistory(runtime)
        self._norms: dict[str, Tensor] = {}
        self._signals = StopSignals()
        self._generator = torch.Generator(runtime.device)
        torch.manual_seed(_seed(method.seed, runtime.rank, 1))
        self._generator.manual_seed(_seed(method.seed, runtime.rank, 2))
        self._starts = [0]  # first step of each stage so far
        self._enter_stage(0)

    # --- where training stands -------------------------------------------------------------------------------------

    def _enter_stage(self, index: int) -> None:
        self._stage = StageRun(self.recipe, index, self._method, self.runtime)
        self._plan = self._batches.plan(self._stage.batch_size)

    def _next_stage(self) -> None:
        self._stage.leave_average()
        copy_networks(self.recipe, self.recipe.stages[self._stage.index + 1])
        self._starts.append(self.step)
        self._enter_stage(self._stage.index + 1)
        self._output.begin_stage()
        logger.info("stage '%s' begins after step %d", self._stage.stage.name, self.step)

    def _stage_bounds(self) -> tuple[int, int]:
        """First step of the stage, and one past its last; a stage that patience ends gives its steps to the next."""
        if self.horizon.total is None:
            return self._starts[-1], _FAR
        return self._starts[-1], stage_ends(self.recipe.stages, self.horizon.total)[self._stage.index]

    def at(self, step: int) -> At:
        """Where training stands at the beginning of a step of this stage."""
        start, end = self._stage_bounds()
        progress = min(1.0, max(0.0, (step - start) / (end - start))) if end > start else 1.0
        epoch, step_in_epoch = self._plan.place(step)
        epoch += self._epochs_before() - self._plan.place(start)[0]
        return At(step, epoch, step_in_epoch, progress, self._stage.stage.name, self._generator)

    def _epochs_before(self) -> int:
        """Passes done before this stage, whose batches may have had another size."""
        passes = 0
        for stage, first, end in zip(self.recipe.stages, self._starts, self._starts[1:], strict=False):
            plan = self._batches.plan(stage.batch_size or self._method.batch_size)
            passes += plan.place(end)[0] - plan.place(first)[0]
        return passes

    @property
    def _stage_over(self) -> bool:
        return self._output.exhausted or self.step >= self._stage_bounds()[1]

    @property
    def _over(self) -> bool:
        total, last = self.horizon.total, self._stage.index + 1 == len(self.recipe.stages)
        if self.signal is not None or (total is not None and self.step >= total):
            return True
        return last and self._output.exhausted

    def _due(self, every: int, step: int) -> bool:
        return every > 0 and (step % every == 0 or step == self.horizon.total)

    # --- the loop --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Train to the end, an early stop or a signal; a checkpoint holds where it ended.

        Raises:
            NirganError: if a loss or a weight becomes NaN or infinite, batch norm gets one value, or memory is full.
        """
        first = self.step
        with self._signals, self._progress:
            self.clock.start()
            self._progress.step(self.step, self.horizon.total)
            while not self._over:
                if self._stage_over:
                    self._next_stage()
                self._train_stage()
        if self.step == first:
            logger.info("nothing left to train: %d of %s steps are done", self.step, self.horizon.total)

    def _train_stage(self) -> None:
        end = self._stage_bounds()[1]
        loader = self._batches.serve(self._plan, self.step, end, lambda step: self._stage.stage.view_at(self.at(step)))
        with torch.random.fork_rng(devices=[]):  # a loader draws a seed; a resumed run makes one loader more
            stream = iter(loader)
        while not (self._over or self._stage_over):
            self._train_step([next(stream) for _ in range(self._method.accumulate)])
            self._write_what_is_due()

    def _train_step(self, micros: Sequence[Mapping[str, Any]]) -> None:
        at = self.at(self.step)
        for update in self._stage.updates:
            update.set_rate(at.progress, self.step - self._starts[-1])
        log_due = self._due(self._cadence.log, self.step + 1)
        losses = self._run_step([self.runtime.place(batch) for batch in micros], at, with_norms=log_due)
        self.step += 1
        if self._stage.ema is not None:
            self._stage.ema.update()
        self._norms = losses.norms
        values = {f"loss/{name}": value for name, value in losses.terms.items()}
        values |= {f"gan/{name}": value for name, value in losses.separations.items()}
        self._history.add(self.step, values, [key for batch in micros for key in batch["keys"]])
        self._note_failures(micros)
        self.pace.add(sum(len(batch["source"]) for batch in micros) * self.runtime.world)
        self._progress.step(self.step, self.horizon.total)

    def _run_step(self, batches: Sequence[Mapping[str, Any]], at: At, *, with_norms: bool) -> StepLosses:
        try:
            return self._stage.run_step(batches, at, with_norms=with_norms)
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            self.runtime.fail(
                f"batch normalisation has one value per channel with {len(batches[0]['source'])} pictures a batch at "
                "this crop: use a larger --batch-size or --crop"
            )
        except torch.OutOfMemoryError:  # perhaps on this process alone, so the others cannot be asked
            raise NirganError(
                "the device's memory is full: use a smaller --batch-size or --crop, or --precision bf16"
            ) from None

    def _note_failures(self, micros: Sequence[Mapping[str, Any]]) -> None:
        for words in dict.fromkeys(words for batch in micros for words in batch.get("failed", ())):
            if words not in self.failed:
                self.failed.append(words)
                logger.warning("training goes on without a picture: %s", words)

    # --- what happens between steps --------------------------------------------------------------------------------

    def _write_what_is_due(self) -> None:
        self._plan_by_speed()
        if self._due(self._cadence.log, self.step):
            self._log_line()
        validate = self._output.judge is not None and self._due(self._cadence.validate, self.step)
        draw = self._output.previews is not None and self._due(self._cadence.samples, self.step)
        save = self._due(self._cadence.save, self.step)
        if validate or draw:
            self._check_numbers()
            self._show(validate=validate, draw=draw)
        if self.runtime.any(self._signals.received is not None):
            self.signal = max(number or 0 for number in self.runtime.gather(self._signals.received))
        if save or self._over:
            self.save()

    def _plan_by_speed(self) -> None:
        if self.horizon.total is None:
            lead_says = self.horizon.due(self.pace.steps, self.clock.seconds)
            if self.runtime.broadcast(lead_says):
                measured = self.clock.seconds, self.pace.seconds_per_step()
                self.horizon.choose(self.step, *self.runtime.broadcast(measured))
                words = in_words((self.horizon.limits.minutes or 0) * 60)
                logger.info("%s are %d steps at the measured speed", words, self.horizon.total)
        elif self.pace.steps == MEASURED_STEPS and self.step < self.horizon.total:
            left = (self.horizon.total - self.step) * self.pace.seconds_per_step()
            logger.info("%d steps, about %s more", self.horizon.total, in_words(left))

    def _log_line(self) -> None:
        self._history.check()
        values = self._history.means()
        values |= {f"lr/{update.phase.name}": update.rate for update in self._stage.updates}
        values |= {f"grad_norm/{phase}": float(norm) for phase, norm in self._norms.items()}
        speed = self.pace.speed_since_last()
        if speed is not None:
            values["speed/images_per_s"] = speed
        self._output.numbers(self.step, values)
        self._progress.line(self.step, self.horizon.total, values)
        self._output.watch.line(self.step, values)

    def _show(self, *, validate: bool = False, draw: bool = False) -> None:
        with self.clock.paused():
            with shown(self.recipe, self._stage.ema, self.runtime):
                if validate:
                    self._output.validate(self.recipe, self.step)
                if draw:
                    self._output.draw(self.step)
            self._stage.train_mode()

    def _check_numbers(self) -> None:
        """End the run if a loss or weight is NaN or infinite."""
        self._history.check()
        # A loss may be finite when its gradient is not; statistics are each process's own.
        broken = next(filter(None, self.runtime.gather(broken_weights(self.recipe))), None)
        if broken:
            self.runtime.fail(
                f"step {self.step}: the weights {broken} became NaN or infinite. What was saved before is kept; "
                "use a lower optimiser.lr, clip_grad_norm, or precision 32"
            )

    def save(self) -> None:
        """Write a checkpoint.

        Raises:
            NirganError: if a loss or weight is NaN or infinite; the checkpoint before stays.
        """
        with self.clock.paused():
            self._check_numbers()
            state = self.state_dict()
            with shown(self.recipe, self._stage.ema, self.runtime):
                self._output.save(self.recipe, state)
            self._stage.train_mode()

    # --- state -----------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on, in tensors, numbers, strings, lists and dicts; every process takes part."""
        own = {
            "random": {**self.runtime.random_state(), "at": self._generator.get_state()},
            "losses": self._history.state_dict(),
            "failed": list(self.failed),
            "recipe": {} if self.runtime.lead else process_state(self.recipe),
        }
        return {
            "format": "nirgan-state-1",
            "step": self.step,
            "stage_starts": list(self._starts),
            "seconds": self.clock.seconds,
            "threads": torch.get_num_threads(),
            "recipe": dict(self.recipe.state_dict()),
            **self._stage.state_dict(),
            "horizon": self.horizon.state_dict(),
            "output": self._output.state_dict(),
            "processes": self.runtime.gather(own),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state_dict``, exactly so with as many processes as there were."""
        processes = state["processes"]
        same = len(processes) == self.runtime.world
        if not same:
            logger.warning(
                "the run was interrupted with %d processes and goes on with %d: pools, random numbers and the order of "
                "pictures are not those of an uninterrupted run",
                len(processes),
                self.runtime.world,
            )
        own = processes[self.runtime.rank if same else 0]
        self.step = state["step"]
        self.clock = Clock(state["seconds"])
        self.pace = Pace(self.clock, self.runtime)
        self._starts = list(state.get("stage_starts", [0]))  # runs begun before they were kept have one stage
        self._enter_stage(state["stage"])
        load_recipe_state(self.recipe, {**state["recipe"], **own["recipe"]})
        self._stage.load_state_dict(state)
        self.horizon.load_state_dict(state["horizon"], step=self.step, seconds=self.clock.seconds)
        self._output.load_state_dict(state["output"])
        if self.horizon.total is not None:  # perhaps a nearer one than before
            self._output.give_up_beyond(max(self.step, self.horizon.total))
        self._history.load_state_dict(own["losses"])
        self.failed = list(own["failed"])
        if same:
            self.runtime.restore_random_state(own["random"])
            if (
                own["random"]["at"].shape == self._generator.get_state().shape
            ):  # other kinds of device have another state
                self._generator.set_state(own["random"]["at"])


def _seed(run: int, rank: int, use: int) -> int:
    return int(np.random.SeedSequence((run, rank, use)).generate_state(1)[0])
