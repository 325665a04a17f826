"""Train from settings: put data, recipe, trainer and run folder together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from nirgan.config import RunConfig
from nirgan.data.index import Data
from nirgan.data.open import open_data
from nirgan.data.places import absolute, anchored
from nirgan.data.readable import ReadableSamples
from nirgan.errors import NirganError
from nirgan.inference.device import place
from nirgan.models import create_model, recipe_class
from nirgan.models.options import offline_options
from nirgan.models.recipe import Optimiser, Phase, Recipe
from nirgan.monitoring.progress import Progress, Silent, Watched, progress_for_terminal
from nirgan.runs import CONFIG
from nirgan.training.batches import TrainingBatches
from nirgan.training.build_output import build_output
from nirgan.training.checkpoint import Checkpoints, read_state
from nirgan.training.checks import check_data, check_phases
from nirgan.training.init_from import check_start, take_over
from nirgan.training.limits import Horizon, Limits
from nirgan.training.optim import override
from nirgan.training.output import Output
from nirgan.training.run import RunFolder, folder_to_resume, new_folder, resumed_config
from nirgan.training.runtime import Runtime
from nirgan.training.stage import Method
from nirgan.training.state import load_recipe_state, shown
from nirgan.training.trainer import Cadence, Trainer
from nirgan.training.validate import evenly_spread

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainResult:
    """What a training came to.

    Attributes:
        run: The run's folder.
        steps: Steps done in the run.
        seconds: Training time of the run.
        images_per_s: Speed of this part of the run over all processes, without its first step; 0 if it had no other.
        val: Last mean score on the validation split by metric.
        failed: Pictures that could not be read: ``file: why``.
        signal: Number of the signal that ended the training early, None if it went to its end.
    """

    run: Path
    steps: int
    seconds: float
    images_per_s: float
    val: dict[str, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    signal: int | None = None


def train(
    config: RunConfig | None,
    *,
    out: Path | None = None,
    resume: bool = False,
    given: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train a recipe, or go on with an interrupted run.

    Args:
        config: Resolved settings; may be None with ``resume``.
        out: The run's folder; None makes one under ``runs``, or takes the newest there with ``resume``.
        resume: Go on from the newest checkpoint; where there is none yet, start again in the same folder.
        given: With ``resume``, the settings that the user gave explicitly: they must be those of the run, but for
            limits, devices and workers.
        progress: What people see; None shows a bar on a terminal and lines elsewhere.

    Raises:
        NirganError: if the run cannot start or had to stop; the message says why and what to do.
    """
    folder = folder_to_resume(out) if resume else None
    if folder is not None and (folder / CONFIG).is_file():
        config = resumed_config(folder, given or {})
    if config is None:
        raise NirganError(f"{folder}: no run to resume there; start one without --resume")
    config = _anchored(config)
    runtime = Runtime(
        device=config.device,
        devices=config.devices,
        nodes=config.nodes,
        strategy=config.strategy,
        precision=config.precision,
    )
    run = RunFolder(folder or new_folder(out, config.model)) if runtime.lead else None
    assembly = _Assembly(config, runtime, run)
    try:
        return assembly.train(folder, progress or (progress_for_terminal() if runtime.lead else Silent()))
    except (NirganError, OSError) as error:
        if run is not None and folder is None and not assembly.begun:
            run.remove()  # refused before its first step: nothing to go on with
        if run is not None and run.held and isinstance(error, OSError):
            raise run.stopped_by(error) from None
        raise
    finally:
        if run is not None:
            run.release()


def _anchored(config: RunConfig) -> RunConfig:
    """Settings whose paths hold in any working folder, because a run may go on from another one."""
    cache = config.dataset.disk_cache
    dataset = config.dataset.model_copy(update={"disk_cache": cache and absolute(cache)})
    return config.model_copy(update={"data": [anchored(spec) for spec in config.data], "dataset": dataset})


class _Assembly:
    """Builds the parts of a training from its settings, on one process."""

    def __init__(self, config: RunConfig, runtime: Runtime, run: RunFolder | None) -> None:
        self.config, self.runtime, self.run = config, runtime, run
        self._trainer: Trainer | None = None
        self._failed: list[str] = []

    @property
    def begun(self) -> bool:
        """Whether a step was done."""
        return self._trainer is not None and self._trainer.step > 0

    def train(self, folder: Path | None, progress: Progress) -> TrainResult:
        """Train to the end; ``folder`` is that of the run to go on with."""
        runtime = self.runtime
        data = open_training_data(self.config, folder)
        recipe = build_recipe(self.config, data)
        batches = self._accept(recipe, data, goes_on=folder is not None)
        self._launch()
        checkpoints = None if self.run is None else Checkpoints(self.run.path / "checkpoints")
        state = runtime.from_lead(lambda: None if checkpoints is None else newest_state(checkpoints))
        if state is not None:
            torch.set_num_threads(state["threads"])
            load_recipe_state(recipe, state["recipe"])
        if self.run is not None:  # a state that is refused leaves them as they were
            self._write_settings(self.run, data)
        if state is None:
            self._prepare(recipe, data)
        if self.config.sync_batch_norm:
            nn.SyncBatchNorm.convert_sync_batchnorm(recipe.networks)
        place(recipe, runtime.device)
        output = build_output(
            self.config,
            recipe,
            data,
            batches,
            runtime,
            run=None if self.run is None else self.run.path,
            checkpoints=checkpoints,
            before={} if state is None else state["output"],
        )
        if batches is not None:
            result = self._train_stages(recipe, batches, output, state, progress)
        else:
            result = self._save_prepared(recipe, output)
        runtime.finish()
        return result

    def _accept(self, recipe: Recipe, data: Data, *, goes_on: bool) -> TrainingBatches | None:
        """Refuse, before other processes are started, what cannot work; returns the batches, None for no stages."""
        config = self.config
        check_data(config.model, recipe, data)
        check_phases(recipe, config.phases)
        batches = None
        if recipe.stages:  # refuses sizes
            size = recipe.training_size or recipe.working_size
            batches = TrainingBatches(data, config, self.runtime, training_size=size)
        if not goes_on:  # a run that goes on has taken over what it needs
            check_start(config, recipe)
        if config.sync_batch_norm and self.runtime.device.type != "cuda":
            raise NirganError("sync_batch_norm works on CUDA devices only; leave it out")
        return batches

    def _launch(self) -> None:
        """Take the folder and start the other processes."""
        run, runtime = self.run, self.runtime
        if run is not None:
            run.hold()
        runtime.launch()
        if run is not None:
            logger.info("run %s on %s (tensorboard --logdir %s)", run.path, runtime.device, run.path.parent)

    def _prepare(self, recipe: Recipe, data: Data) -> None:
        """Take over other weights and look at the data, on the lead; all processes start from what it has."""

        def prepared() -> dict[str, Any]:
            # First, because what is prepared may come from the networks.
            if self.config.init_from is not None:
                take_over(recipe, self.config)
            if type(recipe).prepare is not Recipe.prepare:
                samples = ReadableSamples(data, evenly_spread(data.sources("train"), recipe.prepared_on))
                recipe.prepare(Watched(samples, len(samples), "preparing"))
                self._failed += samples.failed
            return dict(recipe.state_dict())

        state = self.runtime.from_lead(prepared)
        if not self.runtime.lead:
            load_recipe_state(recipe, state)

    def _write_settings(self, run: RunFolder, data: Data) -> None:
        run.write_config(self.config)
        run.write_environment()
        data.write_split(run.path / "split.csv")

    def _train_stages(
        self,
        recipe: Recipe,
        batches: TrainingBatches,
        output: Output,
        state: Mapping[str, Any] | None,
        progress: Progress,
    ) -> TrainResult:
        config = self.config
        limits = Limits(config.steps, config.epochs, config.minutes)
        trainer = Trainer(
            recipe,
            batches,
            Horizon(limits, batches.plan(config.batch_size).steps_per_epoch),
            self.runtime,
            method=method_of(config),
            cadence=Cadence(
                log=config.logging.every_steps,
                validate=config.validation.every_steps,
                samples=config.logging.samples_every_steps,
                save=config.checkpoint.every_steps,
            ),
            output=output,
            progress=progress,
        )
        self._trainer = trainer
        if state is not None:
            trainer.load_state_dict(state)
            logger.info("goes on after step %d", trainer.step)
        logger.info("%s", trainer.horizon.words)
        trainer.run()
        return self._result(
            output, trainer.step, trainer.clock.seconds, trainer.pace.images_per_s(), trainer.failed, trainer.signal
        )

    def _save_prepared(self, recipe: Recipe, output: Output) -> TrainResult:
        """A recipe without stages is ready when it is prepared: score it, show it, save it."""
        logger.info("%s is prepared, not trained", self.config.model)
        with shown(recipe, None, self.runtime):
            output.validate(recipe, 0)
            output.draw(0)
            state = {"format": "nirgan-state-1", "step": 0, "threads": torch.get_num_threads()}
            output.save(recipe, {**state, "recipe": dict(recipe.state_dict()), "output": output.state_dict()})
        return self._result(output, 0, 0.0, 0.0, [], None)

    def _result(
        self, output: Output, steps: int, seconds: float, speed: float, failed: list[str], signal: int | None
    ) -> TrainResult:
        path = self.runtime.broadcast(self.run.path if self.run is not None else Path())
        unreadable = [*self._failed, *failed, *(output.judge.failed if output.judge else ())]
        failed = list(dict.fromkeys(words for some in self.runtime.gather(unreadable) for words in some))
        return TrainResult(path, steps, seconds, speed, dict(output.scores), failed, signal)


def open_training_data(config: RunConfig, folder: Path | None) -> Data:
    """Open a run's data and say what was recognised.

    Args:
        config: The run's.
        folder: That of a run to go on with, whose split is kept.
    """
    split = None if folder is None else folder / "split.csv"
    data = open_data(
        config.data,
        task=config.task or recipe_class(config.model).tasks[0],
        pairing=config.pairing,
        seed=config.seed,
        band=config.band,
        full_scale=config.full_scale,
        val_share=config.dataset.val_share,
        test_share=config.dataset.test_share,
        split_file=split if split is not None and split.is_file() else None,
        max_pixels=config.dataset.max_pixels,
    )
    if not config.data:
        logger.info("no --data: training on the built-in scenes")
    for words in (*data.layouts, *(str(problem) for problem in data.problems), data.warn_if_split_made):
        if words:
            logger.info("%s", words)
    return data


def build_recipe(config: RunConfig, data: Data) -> Recipe:
    """The recipe that the settings describe, its networks alike on every process."""
    options = dict(config.options)
    if not config.features.pretrained or config.init_from is not None:  # weights bring all their networks with them
        options |= offline_options(recipe_class(config.model))
    torch.manual_seed(config.seed)
    return create_model(
        config.model, task=config.task, source_channels=data.source_channels, crop=config.crop, **options
    )


def newest_state(checkpoints: Checkpoints) -> dict[str, Any] | None:
    """Training state of the newest complete checkpoint."""
    last = checkpoints.settle()
    return None if last is None else read_state(last)


def method_of(config: RunConfig) -> Method:
    """How the settings say to update the networks."""

    def settings(phase: Phase) -> Optimiser:
        own = config.phases.get(phase.name)
        return override(phase.optimiser, config.optimiser, *([own] if own is not None else []))

    return Method(
        optimiser=settings,
        batch_size=config.batch_size,
        accumulate=config.accumulate,
        ema_decay=config.ema.decay,
        clip=config.clip_grad_norm,
        compile=config.compile,
        seed=config.seed,
    )
