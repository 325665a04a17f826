"""From the start of ``nirgan train`` to its first completed step, in parts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from nirgan.bench.turns import spread
from nirgan.config import RunConfig, dump
from nirgan.errors import NirganError

PARTS = ("import", "data", "build", "set up", "first step")
"""Python and packages; finding the pictures and a first look; the networks; run folder, colour table, optimisers, logs;
the first step with its batch."""


def measure_start(config: RunConfig, folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds of each part and in all.

    Args:
        config: Of the training, its data among it.
        folder: For settings and runs.
        rounds: Trainings that are started, after one that fills the file system's cache.
    """
    settings = folder / "start.yaml"
    settings.write_text(dump(config.model_copy(update={"steps": 1, "epochs": None, "minutes": None})), encoding="utf-8")
    measured = [start_once(settings, folder / f"start-{number}") for number in range(rounds + 1)][1:]
    seconds = {part: spread([one[part] for one in measured]) for part in PARTS}
    return {"seconds": {**seconds, "all": spread([sum(one.values()) for one in measured])}}


def start_once(settings: Path, out: Path) -> dict[str, float]:
    """Seconds of each part of one training that ends after its first step."""
    command = [sys.executable, "-m", "nirgan.bench.start_worker", str(settings), str(out), repr(time.time())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        words = done.stderr.strip().splitlines()
        raise NirganError(
            f"a training that was started to be timed ended with {done.returncode}: {' '.join(words[-1:])}"
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))
