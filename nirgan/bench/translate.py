"""Translation: time per megapixel and peak memory, each way in a process of its own, the processes taking turns."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from nirgan.bench.turns import Spread, rate, spread, take_turns, times_as_fast
from nirgan.inference.predict import Tile
from nirgan.models.recipe import Recipe
from nirgan.models.weights import describe, save_weights

Size = tuple[int, int]
"""Height and width in pixels."""
USUAL: Size = (768, 1024)
LARGE: Size = (3000, 4000)
TILE = 512
WAYS: Mapping[str, Tile | None] = {"auto": "auto", "whole": 0, "tiled": TILE, "conventional": None}
"""Tiles of each way: what ``nirgan translate`` chooses, none, of a fixed side; the conventional one does not tile."""
LARGE_WAYS = ("auto", "conventional")


@dataclass(frozen=True)
class Job:
    """What a process translates again and again.

    Attributes:
        weights: File.
        way: A key of ``WAYS``.
        size: Of the picture.
        device: As ``nirgan translate --device``.
        threads: Of torch.
    """

    weights: str
    way: str
    size: Size
    device: str
    threads: int


class ProcessEnded(Exception):  # noqa: N818  # an answer, not a fault: the machine may be too small for a way
    """A process was killed or failed before it answered, as by want of memory."""


class TranslatingProcess:
    """A process that has loaded weights and translates one picture whenever it is asked to.

    Attributes:
        peak_bytes: Most memory in the process since its weights were loaded, over what it had then.
    """

    def __init__(self, job: Job) -> None:
        self.peak_bytes = 0
        command = [sys.executable, "-m", "nirgan.bench.translate_worker", json.dumps(asdict(job))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self) -> float:
        """Translate once; seconds.

        Raises:
            ProcessEnded: if there is no answer.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise ProcessEnded(f"its process ended with {self._process.wait()}, perhaps for want of memory")
        answer = json.loads(line)
        self.peak_bytes = answer["peak_bytes"]
        return float(answer["seconds"])

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def measure_translation(
    model: str, recipe: Recipe, folder: Path, device: str, rounds: int, *, size: Size, ways: Sequence[str]
) -> dict[str, Any]:
    """Seconds per megapixel, peak memory and ratios of a few ways to translate a picture of one size.

    Args:
        model: The recipe's name.
        recipe: With any weights, untrained ones among them; their values do not change the work.
        folder: Where its weights may be written.
        device: As ``nirgan translate --device``.
        rounds: Measurements of each way, after one that warms up.
        size: Of the picture.
        ways: Keys of ``WAYS``.
    """
    weights = folder / "weights.safetensors"
    write_weights(model, recipe, weights)
    jobs = {way: Job(str(weights), way, size, device, torch.get_num_threads()) for way in ways}
    processes: dict[str, TranslatingProcess] = {}
    failed: dict[str, str] = {}
    try:
        for way, job in jobs.items():
            processes[way] = TranslatingProcess(job)
            try:
                processes[way]()
            except ProcessEnded as error:
                failed[way] = str(error)
                processes.pop(way).close()
        seconds = take_turns(processes, rounds)
    finally:
        for process in processes.values():
            process.close()
    peaks = {way: process.peak_bytes / 2**20 for way, process in processes.items()}
    return _summary(size, seconds, peaks, failed)


def write_weights(model: str, recipe: Recipe, path: Path) -> None:
    """Write a recipe's weights as a run does."""
    state = recipe.state_dict()
    save_weights(path, {name: state[name] for name in recipe.weight_names()}, describe(model, recipe))


def _summary(
    size: Size, seconds: Mapping[str, list[float]], peaks: Mapping[str, float], failed: Mapping[str, str]
) -> dict[str, Any]:
    megapixels = size[0] * size[1] / 1e6
    per_megapixel: dict[str, Spread] = {
        way: spread([value / megapixels for value in values]) for way, values in seconds.items()
    }
    other = seconds.get("conventional")
    return {
        "height": size[0],
        "width": size[1],
        "seconds_per_megapixel": per_megapixel,
        "megapixels_per_s": {way: rate(values, megapixels) for way, values in seconds.items()},
        "peak_mib": dict(peaks),
        "times_as_fast": {
            way: times_as_fast(values, other) for way, values in seconds.items() if other and way != "conventional"
        },
        "failed": dict(failed),
    }
