"""Folders of 100,000 pairs: what commands need of time (printed: ``pytest -m slow -s``) and of memory (bounded).

The files are small PNGs, no two alike, 200,000 of them: about a minute to write, 0.8 GB on a disk of 4 KiB blocks;
0.5 GB more in shards.

Measured on two shared cores, in seconds of computing, with Python's imports, and at most of memory, with torch: opening
for training and a first batch 22 s and 0.68 GiB (29 s and 0.75 GiB from shards), packing shards 41 s and 0.82 GiB. By
the clock, beside other work: headers 53 s and 0.67 GiB, split by scene 124 s and 0.70 GiB, inspection of pictures of 16
pixels with two workers 505 s and 0.90 GiB, and repeated, which decodes nothing, 591 s and 1.04 GiB.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere peaks are counted in other units"),
]

COUNT = 100_000
PER_SCENE = 4
LARGE, FEW = 256, 300
"""Side and number of the pictures from which the time of decoding is extrapolated."""
GIB = 2.0**20  # KiB, as Linux counts

TELL = """
import os, resource, sys, time
began = time.perf_counter()
try:
    {work}
except SystemExit as ended:
    assert not ended.code, ended.code
seconds = time.perf_counter() - began
peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(seconds, sum(os.times()[:4]), *peaks)
"""
COMMAND = "from nirgan.cli.app import main; main()"
TRAINING = """from nirgan.config.schema import Augmentation
    from nirgan.data import StepPlan, TrainingSet, open_data
    data = open_data([{folder!r}], task="nir2rgb")
    training = TrainingSet(data, crop=16, augment=Augmentation(), seed=0, cache_mb=64)
    plan = StepPlan(len(training.sources), len(training.targets), batch_size=64, seed=0)
    assert all(training[key].source.shape == (1, 16, 16) for key in plan.keys(0, 0, 0, "image"))"""


def fill(folder: Path, count: int, side: int) -> None:
    """Pairs of noise, drawn at 16×16 pixels."""
    random = np.random.default_rng(side)
    for name, channels in (("nir", 1), ("rgb", 3)):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 256, (16, 16, channels), dtype=np.uint8)
            large = pixels if side == 16 else cv2.resize(pixels, (side, side), interpolation=cv2.INTER_CUBIC)
            (folder / name / f"{number:06d}.png").write_bytes(cv2.imencode(".png", large)[1].tobytes())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with ``many/``, its scenes in ``scenes.csv``, and a few ``large/`` pairs."""
    folder = tmp_path_factory.mktemp("hundred_thousand")
    fill(folder / "many", COUNT, 16)
    fill(folder / "large", FEW, LARGE)
    rows = "".join(f"{number:06d},scene {number // PER_SCENE}\n" for number in range(COUNT))
    (folder / "scenes.csv").write_text(f"name,scene\n{rows}")
    yield folder
    shutil.rmtree(folder)  # pytest would keep three of them


def measured(place: Path, most_gib: float, *arguments: object, work: str = COMMAND) -> tuple[float, dict[str, Any]]:
    """Seconds and JSON of a command in a process of its own; its peak and that of its workers are printed, bounded.

    Seconds of computing are printed, too, those of workers among them: others may be using the machine.
    """
    command = [sys.executable, "-c", TELL.format(work=work), *map(str, arguments)]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *lines, told = done.stdout.splitlines()
    seconds, computing, peak, workers = map(float, told.split())
    name = " ".join(map(str, arguments)) or work.splitlines()[2].strip()
    print(f"\n{name}: {seconds:.0f} s, {computing:.0f} s of computing; at most {peak / GIB:.2f} GiB, torch included")
    print(f"in a worker, if there is one: {workers / GIB:.2f} GiB")
    assert max(peak, workers) < most_gib * GIB
    return seconds, json.loads(lines[0]) if lines else {}


def test_headers(place: Path) -> None:
    _, result = measured(place, 1.5, "data", "inspect", "many", "--headers", "--json")
    assert (result["count"], result["problems"]) == (COUNT, [])


def test_inspect(place: Path) -> None:
    # Pictures of 16 pixels tell memory, which grows with their number alone, and not time, which grows with their size.
    _, result = measured(place, 2.0, "data", "inspect", "many", "--out", "report", "--json")
    assert result["count"] == len(result["pairs"]) == COUNT
    assert result["copies"] == {"exact": [], "near": []}
    again, _ = measured(place, 2.0, "data", "inspect", "many", "--out", "report", "--json")
    seconds, _ = measured(place, 2.0, "data", "inspect", "large", "--workers", 0, "--json")
    extrapolated = seconds * COUNT / FEW / 60
    print(
        f"repeated: {again:.0f} s; {COUNT} pairs of {LARGE} px, extrapolated from {FEW}: {extrapolated:.0f} min a core"
    )


def test_split_by_scene(place: Path) -> None:
    scenes = ("--by", "scene", "--scenes", "scenes.csv")
    _, result = measured(place, 1.5, "data", "split", "many", *scenes, "--out", "by_scene.csv", "--json")
    assert result["train"] + result["val"] + result["test"] == COUNT
    assert result["scenes"] == COUNT // PER_SCENE


def test_split_by_duplicates(place: Path) -> None:
    _, result = measured(place, 1.5, "data", "split", "many", "--by", "duplicates", "--out", "by_copy.csv", "--json")
    assert result["train"] + result["val"] + result["test"] == result["scenes"] == COUNT


def test_opening_for_training(place: Path) -> None:
    measured(place, 1.5, work=TRAINING.format(folder="many"))


def test_shards(place: Path) -> None:
    pytest.importorskip("webdataset")
    _, result = measured(place, 1.5, "data", "shard", "many", "--out", "packed", "--json")
    assert (result["samples"], result["failed"]) == (COUNT, [])
    measured(place, 1.5, work=TRAINING.format(folder="packed"))
