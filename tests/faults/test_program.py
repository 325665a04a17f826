"""The program itself, started as people start it: killed, stopped, starved."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interrupted_runs import (
    ENVIRONMENT,
    Ended,
    Forker,
    Run,
    assert_same_end,
    newest_whole,
    rows_of,
    start_arguments,
)

pytestmark = pytest.mark.slow
NIRGAN = [sys.executable, "-m", "nirgan"]
LONG = ("--batch-size", "16")
"""Steps long enough for a signal to come between two."""
Whole = Callable[..., tuple[Path, Ended]]


def nirgan(*args: str, cwd: Path, **settings: Any) -> Ended:
    done = subprocess.run(
        [*NIRGAN, *args], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False, **settings
    )
    return Ended(done.returncode, done.stdout + done.stderr, 0.0, {})


def interrupted(arguments: list[str], cwd: Path, run: Path, number: int, step: int) -> tuple[int, int]:
    """Send a signal when a step is logged; returns exit code and process group."""
    process = subprocess.Popen(
        [*NIRGAN, *arguments], cwd=cwd, env=ENVIRONMENT, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and not any(row[0] == str(step) for row in rows_of(run)):
        time.sleep(0.002)
    process.send_signal(number)
    return process.wait(timeout=300), process.pid


@pytest.mark.parametrize("model", ["pix2pix", "asym-cyclegan"])
def test_killed_and_stopped(workplace: Path, whole: Whole, model: str) -> None:
    run = workplace / f"program-{model}"
    resume = ["train", "--resume", "--out", run.name]
    assert interrupted(start_arguments(model, run.name, LONG), workplace, run, signal.SIGKILL, 2)[0] == -9
    newest_whole(run / "checkpoints")
    for number, code, step in ((signal.SIGTERM, 143, 5), (signal.SIGINT, 130, 7), (signal.SIGKILL, -9, 10)):
        assert interrupted(resume, workplace, run, number, step)[0] == code
        assert newest_whole(run / "checkpoints") >= step - 2
    ended = nirgan(*resume, cwd=workplace)
    assert ended.code == 0, ended.said
    assert_same_end(whole(model, *LONG)[0], run)


def test_workers_of_a_killed_run_leave_and_the_run_goes_on_at_once(workplace: Path, whole: Whole) -> None:
    run = workplace / "workers"
    code, group = interrupted(
        [*start_arguments("pix2pix", run.name, LONG), "--workers", "2"], workplace, run, signal.SIGKILL, 5
    )
    assert code == -9
    ended = nirgan("train", "--resume", "--out", run.name, "--workers", "0", cwd=workplace)
    assert ended.code == 0, ended.said
    assert_same_end(whole("pix2pix", *LONG)[0], run)
    until = time.monotonic() + 30
    while everybody(group) and time.monotonic() < until:
        time.sleep(0.2)
    assert not everybody(group)


def everybody(group: int) -> list[int]:
    """Processes of a group that run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_file_that_may_not_grow(forker: Forker, workplace: Path, whole: Whole) -> None:
    run = Run(forker, workplace, "limited", "pix2pix")
    assert run.go_on(("save rename", 4, "kill")).code == -9
    before = run.newest()
    ended = nirgan(*run.arguments, cwd=workplace, preexec_fn=lambda: limit_files(2_000_000))
    assert "limited: cannot be written (File too large)" in ended.error
    assert run.newest() == before
    assert nirgan(*run.arguments, cwd=workplace).code == 0
    assert_same_end(whole("pix2pix")[0], run.path)


def limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


SMALL_DISK = """
mount -t tmpfs -o size=9m tmpfs run && {train}
echo $? > code
cp -a run half
mount -o remount,size=64m run && {resume} && cp -a run whole
"""


def test_a_small_disk(workplace: Path, whole: Whole, tmp_path: Path) -> None:
    """Room for a checkpoint, but not for two: the second save fails."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode != 0:
        pytest.skip("only the superuser can mount a disk")
    (tmp_path / "pairs").symlink_to(workplace / "pairs")
    (tmp_path / "run").mkdir()
    starts = {"train": start_arguments("pix2pix", "run"), "resume": ["train", "--resume", "--out", "run"]}
    script = SMALL_DISK.format(**{name: " ".join([*NIRGAN, *args]) for name, args in starts.items()})
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "code").read_text() == "2\n"
    assert "cannot be written (No space left on device): make that possible and go on with nirgan" in done.stderr
    assert newest_whole(tmp_path / "half" / "checkpoints") == 3
    assert not (tmp_path / "half" / "checkpoints" / "last.new").exists()
    assert_same_end(whole("pix2pix")[0], tmp_path / "whole")
