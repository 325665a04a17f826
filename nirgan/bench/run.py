"""Measure a few recipes, part by part, on built-in scenes in a folder that is removed afterwards, or on given pairs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from nirgan.bench.loader import measure_loader
from nirgan.bench.machine import machine, matrix_rate
from nirgan.bench.profile import top_operators
from nirgan.bench.start import measure_start
from nirgan.bench.step import Stepper, measure_step, nirgan_step, prepared_recipe, training_batches
from nirgan.bench.translate import LARGE, LARGE_WAYS, USUAL, WAYS, Size, measure_translation
from nirgan.config import RunConfig
from nirgan.data.index import Data
from nirgan.data.open import open_data
from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError, nearest
from nirgan.models import recipe_class
from nirgan.training.checks import check_data
from nirgan.training.runtime import Runtime
from nirgan.training.train import method_of

logger = logging.getLogger(__name__)

PARTS = ("step", "loader", "translate", "start")
SCENES, SCENE_SIZE = 16, (768, 1024)
"""Pictures to load at least, and their height and width: those of the RGB-NIR Scene set, nearly."""


def run_bench(
    configs: Sequence[RunConfig],
    parts: Sequence[str] = PARTS,
    *,
    rounds: int = 5,
    large: bool = False,
    operators: bool = False,
    scene_size: Size = SCENE_SIZE,
    picture_size: Size = USUAL,
    say: Callable[[str], None] = logger.info,
) -> dict[str, Any]:
    """Measure each recipe; the figures are ratios and rates with their ranges, as ``nirgan bench --json`` prints them.

    Args:
        configs: One for each recipe, on one device; at most one folder of data; limits in them are not used.
        parts: Of ``PARTS``.
        rounds: Measurements of each side.
        large: Translate 4000×3000, too.
        operators: List the operators that a step spends its time in.
        scene_size: Height and width of the pictures that are loaded, at least the crop.
        picture_size: Height and width of the picture that is translated.
        say: Takes lines for people.

    Raises:
        NirganError: for settings that cannot be measured, before anything is.
    """
    for part in parts:
        if part not in PARTS:
            raise NirganError(f"--part {part}{nearest(part, PARTS)} (there are: {', '.join(PARTS)})")
    for config in configs:
        _check(config)
    runtime = Runtime(device=configs[0].device)
    say("the machine's rate in matrix products")
    rates = {name: matrix_rate(runtime, dtype) for name, dtype in (("32", torch.float32), ("bf16", torch.bfloat16))}
    results = []
    for config in configs:
        with TemporaryDirectory(prefix="nirgan-bench-") as folder:
            bench = _Bench(config, Path(folder), rounds, say, scene_size)
            results.append(bench.run(parts, rates, large=large, operators=operators, picture_size=picture_size))
    return {**machine(runtime), "matrix_gflop_per_s": rates, "rounds": rounds, "models": results}


def _check(config: RunConfig) -> None:
    recipe_class(config.model).check_crop(config.crop, config.options)
    if config.accumulate * config.devices * config.nodes != 1:
        raise NirganError("bench measures one process and one micro-batch a step: leave accumulate, devices, nodes out")


class _Bench:
    """One recipe's measurements."""

    def __init__(
        self, config: RunConfig, folder: Path, rounds: int, say: Callable[[str], None], scene_size: Size
    ) -> None:
        self._folder, self._rounds, self._say = folder, rounds, say
        self._runtime = Runtime(device=config.device, precision=config.precision)
        pairings = recipe_class(config.model).pairings
        own = None if "registered" in pairings else pairings[0]
        place = config.data or [str(self._write_scenes(config, scene_size))]
        self._config = config.model_copy(update={"data": place, "pairing": config.pairing or own})
        self._data = self._open()

    def _write_scenes(self, config: RunConfig, size: Size) -> Path:
        self._say(f"{config.model}: writing built-in scenes")
        images = config.batch_size
        height, width = (max(side, config.crop) for side in size)
        # A multiple of the batch, so that an epoch sees every picture.
        write_scenes(self._folder / "scenes", -(-SCENES // images) * images, size=(height, width))
        return self._folder / "scenes"

    def _open(self) -> Data:
        config = self._config
        return open_data(
            config.data,
            task=config.task or recipe_class(config.model).tasks[0],
            pairing=config.pairing,
            seed=config.seed,
            val_share=0.0,
            test_share=0.0,
        )

    def run(
        self,
        parts: Sequence[str],
        rates: Mapping[str, float],
        *,
        large: bool,
        operators: bool,
        picture_size: Size,
    ) -> dict[str, Any]:
        """Measure the parts; keys of the result are settings and parts."""
        config = self._config
        recipe = prepared_recipe(config, self._data)
        if not recipe.stages and set(parts) != {"translate"}:
            raise NirganError(f"{config.model} is prepared, not trained: measure it with --part translate alone")
        check_data(config.model, recipe, self._data)
        result: dict[str, Any] = {
            name: getattr(config, name)
            for name in ("model", "preset", "task", "batch_size", "crop", "precision", "compile")
        }
        result["options"] = {name: v for name, v in recipe.built_with.items() if name not in ("task", "crop")}
        if "step" in parts:
            result["step"] = self._step(rates)
        if operators:
            result["operators"] = self._operators()
        if "loader" in parts:
            self._say(f"{config.model}: the loader")
            stage = recipe.stages[0]
            result["loader"] = measure_loader(config, self._data, self._runtime, stage, self._rounds, self._folder)
        if "translate" in parts:
            result["translate"] = self._translate(picture_size, large=large)
        if "start" in parts:
            self._say(f"{config.model}: the start of a training")
            result["start"] = measure_start(config, self._folder, self._rounds)
        return result

    def _step(self, rates: Mapping[str, float]) -> dict[str, Any]:
        self._say(f"{self._config.model}: the training step, three ways in turn")
        result = measure_step(self._config, self._data, self._runtime, self._rounds)
        # Autocast may take the format that is slower here: what counts is what the machine could do.
        best = max(rates["32"], rates["bf16"] if self._config.precision != "32" else 0.0)
        result["share_of_matrix_rate"] = {name: rate / best for name, rate in result["gflop_per_s"].items()}
        share = result["share_of_matrix_rate"]["nirgan"]
        result["at_matrix_rate"] = {name: times["median"] / share for name, times in result["times_as_fast"].items()}
        return result

    def _operators(self) -> list[dict[str, Any]]:
        config, runtime = self._config, self._runtime
        recipe = prepared_recipe(config, self._data)
        stage = recipe.stages[0]
        batches = training_batches(config, self._data, runtime, stage)
        step = Stepper(nirgan_step(recipe, method_of(config), runtime), stage, batches, runtime.device)
        return top_operators(step, runtime)

    def _translate(self, size: Size, *, large: bool) -> list[dict[str, Any]]:
        config = self._config
        recipe = prepared_recipe(config, self._data)
        wanted: list[tuple[Size, Sequence[str]]] = [(size, tuple(WAYS)), *([(LARGE, LARGE_WAYS)] if large else [])]
        measured = []
        for (height, width), ways in wanted:
            self._say(f"{config.model}: translating {width}×{height}, {len(ways)} ways in turn")
            measured.append(
                measure_translation(
                    config.model,
                    recipe,
                    self._folder,
                    config.device,
                    self._rounds,
                    size=(height, width),
                    ways=ways,
                )
            )
        return measured
