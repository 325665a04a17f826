"""Odd names, odd folders, very many files, and two processes that want the same run."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bad_files import QUICK, files_below, png
from command_line import Nirgan

NAMES = [
    "with space",
    " first",
    "last ",
    "it's",
    'a "b"',
    "a,b",
    "new\nline",
    "две строки",
    "日本",
    "tab\tx",
    "%41",
    "-x",
]
NO_UTF_8 = os.fsdecode(b"caf\xe9")


@pytest.fixture
def oddly_named(pairs: Path) -> list[str]:
    """Rename the pairs, and make more of them; the names."""
    names = [*NAMES, *([NO_UTF_8] if sys.platform == "linux" else [])]
    for side in ("nir", "rgb"):
        files = sorted((pairs / side).iterdir())
        contents = [file.read_bytes() for file in files]
        for file in files:
            file.unlink()
        for index, name in enumerate(names):
            (pairs / side / f"{name}.png").write_bytes(contents[index % len(contents)])
    return names


def test_odd_names_train_resume_and_are_scored(nirgan: Nirgan, pairs: Path, oddly_named: list[str]) -> None:
    renamed = pairs.rename(pairs.with_name(f'my "pairs"\n{oddly_named[-1]}'))
    common = ("train", "--model", "pix2pix", *QUICK, "--data", renamed)
    assert nirgan(*common, "--out", "run", "--steps", "1").code == 0
    assert nirgan("train", "--resume", "--out", "run", "--steps", "2").code == 0
    ended = nirgan("evaluate", "--weights", "run", "--split", "all", "--json")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert (result["count"], result["data"]["own"], result["notes"]) == (len(oddly_named), True, [])
    with Path("run", "evaluation", "all", "per_image.csv").open(errors="surrogateescape", newline="") as table:
        assert {row["key"].partition("/")[2] for row in csv.DictReader(table)} == set(oddly_named)
    assert nirgan("compare", "run", "run", "--split", "all", "--json").code == 0


@pytest.mark.skipif(sys.platform != "linux", reason="names must be UTF-8 there")
def test_a_name_that_stdout_cannot_show_is_escaped(pairs: Path, oddly_named: list[str]) -> None:
    (pairs / "rgb" / f"{oddly_named[-1]}.png").unlink()
    command = [sys.executable, "-m", "nirgan", "data", "inspect", str(pairs)]
    ended = subprocess.run(command, env={**os.environ, "PYTHONIOENCODING": "utf-8"}, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert rb"nir/caf\udce9.png" in ended.stdout


def test_an_output_folder_inside_the_input_folder(nirgan: Nirgan, runs: Path, pairs: Path) -> None:
    (pairs / "a.png").write_bytes(png())
    translate = ("translate", "pairs/nir", "pairs/a.png", "--weights", "pix2pix", "--out", "pairs/nir/colour", "--json")
    assert len(json.loads(nirgan(*translate).out)["written"]) == 9
    again = json.loads(nirgan(*translate).out)
    assert (again["written"], len(again["skipped"])) == ([], 9)
    shutil.rmtree(pairs / "nir" / "colour")
    words = nirgan(*translate[:-2], "pairs", "--overwrite").refused  # results beside the source would replace it
    assert "pairs/a.png: the result would replace this input" in words
    assert len(files_below(pairs)) == 18  # 8 pairs, the folder's band.yaml, a.png


def test_a_run_inside_its_data_is_no_data(nirgan: Nirgan, pairs: Path) -> None:
    train = ("train", "--model", "pix2pix", *QUICK, "--data", "pairs", "--steps", "1")
    assert nirgan(*train, "--out", "pairs/run").code == 0
    inspected = json.loads(nirgan("data", "inspect", "pairs", "--headers", "--json").out)
    assert (inspected["count"], inspected["problems"]) == (8, [])
    assert nirgan(*train, "--out", "pairs/second").code == 0
    assert nirgan("train", "--resume", "--out", "pairs/run", "--steps", "2").code == 0


def test_data_inside_the_out_folder_is_left_alone(nirgan: Nirgan, pairs: Path) -> None:
    before = files_below(pairs)
    train = ("train", "--model", "pix2pix", *QUICK, "--data", "pairs", "--steps", "1", "--out")
    for out in ("pairs", "pairs/nir", "."):
        assert "exists and is not an empty folder; give another --out" in nirgan(*train, out).refused
    assert files_below(pairs) == before


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_very_many_files(nirgan: Nirgan, runs: Path, count: int) -> None:
    """Looking through them takes seconds; what is there already is not read."""
    content = png(8, 8)
    for folder in ("many/nir", "many/rgb", "out"):
        Path(folder).mkdir(parents=True)
        Path(folder, "00000.png").write_bytes(content)
        for index in range(1, count):  # links are made sooner than files
            os.link(Path(folder, "00000.png"), Path(folder, f"{index:05d}.png"))
    start = time.process_time()
    ended = nirgan("data", "inspect", "many", "--headers", "--json")
    assert json.loads(ended.out)["count"] == count
    ended = nirgan("translate", "many/nir", "--weights", "pix2pix", "--out", "out", "--json")
    result = json.loads(ended.out)
    assert (len(result["skipped"]), result["written"], result["failed"]) == (count, [], [])
    assert time.process_time() - start < 3 + count / 500


@pytest.mark.slow
def test_two_processes_do_not_write_one_run(nirgan: Nirgan, pairs: Path, tmp_path: Path) -> None:
    train = ("train", "--model", "pix2pix", *QUICK, "--data", "pairs", "--out", "run")
    often = ("--set", "logging.every_steps=1", "--set", "checkpoint.every_steps=1", "--steps", "100000")
    first = subprocess.Popen(
        [sys.executable, "-m", "nirgan", *train, *often], cwd=tmp_path, stderr=subprocess.DEVNULL, text=True
    )
    try:
        state = tmp_path / "run" / "checkpoints" / "last" / "state.pt"
        until = time.monotonic() + 120
        while not state.exists() and time.monotonic() < until:
            time.sleep(0.1)
        words = nirgan("train", "--resume", "--out", "run", "--steps", "100001").refused
        assert f"run: process {first.pid} on " in words
        assert "is writing this run; wait for it, or give another --out" in words
        assert "there is a run already" in nirgan(*train).refused
        assert first.poll() is None
    finally:
        first.kill()
        first.wait()
    lines = Path("run", "metrics.csv").read_text().splitlines()
    done = max(int(line.partition(",")[0]) for line in lines[1:])
    ended = nirgan("train", "--resume", "--out", "run", "--steps", str(done + 1), "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["steps"] == done + 1
