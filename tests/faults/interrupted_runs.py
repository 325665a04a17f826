"""Start runs that are interrupted, and look at what is left of them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from same_run import assert_same_run, events, numbers

STEPS, SAVE, VALIDATE = 12, 3, 4
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NO_ALBUMENTATIONS_UPDATE": "1"}
SETTINGS = {
    "checkpoint.every_steps": SAVE,
    "validation.every_steps": VALIDATE,
    "validation.images": 1,
    "logging.every_steps": 1,
    "logging.samples_every_steps": 5,
    "logging.samples": 1,
}
Moment = tuple[()] | tuple[str, int, str]


@dataclass(frozen=True)
class Ended:
    """A process that is over: exit code (negative: the signal), what it said, seconds of processor time, its calls."""

    code: int
    said: str
    cpu: float
    counts: dict[str, int]

    @property
    def error(self) -> str:
        """The one line that an error is."""
        assert self.code == 2, self.said
        assert "Traceback" not in self.said
        assert "Exception ignored" not in self.said
        assert self.said.count("error: ") == 1
        return self.said.splitlines()[-1]


class Forker:
    """The program ``forker.py``, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "said.txt"
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forker.py"))],
            env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(
        self, program: str, *args: str, cwd: Path, moment: Moment = (), cpu: float = 0.0, bound: bool = False
    ) -> Ended:
        """Run to the end, whatever end that is."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        place = {"program": program, "args": args, "cwd": str(cwd), "log": str(self._log)}
        request = {**place, "moment": moment, "cpu": cpu, "bound": bound}
        print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return Ended(said=self._log.read_text(), **answer)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class Run:
    """A run in a folder of its own, beside others of the same pairs.

    Args:
        forker: Starts its processes.
        folder: Holds ``pairs``.
        name: The run's.
        model: What it trains.
        more: Further arguments of its first start.
    """

    def __init__(self, forker: Forker, folder: Path, name: str, model: str, more: tuple[str, ...] = ()) -> None:
        self._forker, self.cwd, self.path = forker, folder, folder / name
        self._first = start_arguments(model, name, more)

    @property
    def arguments(self) -> list[str]:
        """Those of the next start: ``--resume`` alone, as soon as the run's settings are written."""
        started = (self.path / "config.yaml").is_file()
        return ["train", "--resume", "--out", self.path.name] if started else self._first

    def go_on(self, moment: Moment = (), *, cpu: float = 0.0, bound: bool = False) -> Ended:
        """Start, or resume."""
        return self._forker.run("nirgan", *self.arguments, cwd=self.cwd, moment=moment, cpu=cpu, bound=bound)

    def newest(self) -> int:
        """Step of the newest checkpoint, 0 without one; all that was saved must be there and whole."""
        step = newest_whole(self.path / "checkpoints")
        rows = [int(row[0]) for row in rows_of(self.path) if len(row) == 3 and row[0].isdecimal()]
        logged = max(rows, default=0)
        assert step >= (logged - 1) // SAVE * SAVE, f"step {logged} was done, and the newest checkpoint is of {step}"
        return step

    def forget(self) -> None:
        shutil.rmtree(self.path)


def interrupt(
    begin: Callable[[int], Run],
    whole: Path,
    times: int,
    next_moment: Callable[[float], tuple[Moment, float]],
    check: Callable[[Run, Ended], None],
) -> None:
    """Interrupt runs so often in all, look at what is left each time, let them end, compare them with the whole one.

    Args:
        begin: A new run by number: one may end before its next moment comes.
        whole: The run that nothing interrupted.
        times: Interruptions.
        next_moment: Gives moment and seconds of processor time, by the share of the steps that is left.
        check: Looks at a run and at how its process ended.
    """
    number = 0
    while times > 0:
        run = begin(number)
        number += 1
        newest, ended = 0, None
        while times > 0 and (ended is None or ended.code != 0):
            moment, cpu = next_moment(1 - newest / STEPS)
            ended = run.go_on(moment, cpu=cpu)
            before, newest = newest, run.newest()
            assert newest >= before
            if ended.code != 0:
                check(run, ended)
                times -= 1
        ended = run.go_on()
        assert ended.code == 0, ended.said
        assert_same_end(whole, run.path)
        run.forget()


def start_arguments(model: str, name: str, more: tuple[str, ...] = ()) -> list[str]:
    """Arguments of ``nirgan`` that begin a run."""
    settings = [part for key, value in SETTINGS.items() for part in ("--set", f"{key}={value}")]
    first = ["train", "--model", model, "--preset", "tiny", "--data", "pairs", "--steps", str(STEPS), "--device", "cpu"]
    return [*first, *settings, "--out", name, *more]


def newest_whole(checkpoints: Path) -> int:
    """Step of the newest whole checkpoint, 0 without one; what has a final name must be whole.

    Reads with the formats' own libraries: what nirgan would say of a folder is not asked.
    """
    steps = [0]
    for name in ("last", "last.old", "last.new"):
        folder = checkpoints / name
        try:
            state = torch.load(folder / "state.pt", weights_only=True)
            load_file(folder / "weights.safetensors")
            steps.append(state["step"])
        except Exception:
            # Only a folder that is being made or removed may be half, and the latter only beside a whole one.
            assert name != "last" or not folder.exists(), f"{folder} is half"
    if (checkpoints / "last.old").exists():
        assert len(steps) > 1
    best = checkpoints / "best" / "weights.safetensors"
    if best.exists():
        load_file(best)
    return max(steps)


def rows_of(run: Path) -> list[list[str]]:
    """Rows of ``metrics.csv``, the last of which may be cut."""
    file = run / "metrics.csv"
    return list(csv.reader(file.read_text().splitlines()))[1:] if file.exists() else []


def assert_same_end(whole: Path, run: Path) -> None:
    """Bit-equal weights and state, the same numbers, every step once, and no other files."""
    assert_same_run(whole, run)
    assert {step for step, _ in numbers(run)} == set(range(1, STEPS + 1))
    assert files_of(whole) == files_of(run)
    once = events(run)
    assert set(once.values()) == {1}
    # A process's first step is not measured.
    assert {tag for _, tag in set(events(whole)) ^ set(once)} <= {"speed/images_per_s"}


def files_of(run: Path) -> list[str]:
    """All files and folders but event files, of which each start makes one."""
    found = [path.relative_to(run).as_posix() for path in run.rglob("*")]
    return sorted(name for name in found if not name.startswith("events."))
