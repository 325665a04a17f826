"""Work in several processes."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nirgan.data import parallel
from nirgan.data.parallel import in_processes, processes_for
from nirgan.errors import NirganError


def double(number: int) -> int:
    return 2 * number


def process(_: int) -> int:
    return os.getpid()


def end(_: int) -> None:
    os._exit(1)


@pytest.mark.parametrize("workers", [0, 2])
def test_results_come_in_order(workers: int) -> None:
    assert list(in_processes(double, range(30), workers)) == [2 * number for number in range(30)]


def test_workers_are_other_processes() -> None:
    assert set(in_processes(process, range(3), 0)) == {os.getpid()}
    assert os.getpid() not in set(in_processes(process, range(3), 1))


@pytest.mark.parametrize("workers", [0, 1])
def test_items_are_read_as_they_are_needed(workers: int) -> None:
    numbers = itertools.count()
    results = in_processes(double, numbers, workers)
    assert [next(results) for _ in range(3)] == [0, 2, 4]
    results.close()
    assert next(numbers) < 20


def test_a_process_that_was_killed_is_said_in_a_line() -> None:
    with pytest.raises(NirganError, match=r"worker process was killed.*--workers 1"):
        list(in_processes(end, range(3), 1))


@pytest.mark.parametrize(
    ("cores", "items", "chosen", "processes"),
    [
        (4, 1000, None, 4),
        (64, 1000, None, 16),  # each takes memory
        (4, 29, None, 2),
        (4, 19, None, 0),  # one process would only wait for another
        (1, 1000, None, 0),
        (4, 1000, 9, 9),
        (4, 3, 9, 3),
        (4, 1000, 0, 0),
    ],
)
def test_processes_follow_cores_and_work_unless_they_are_chosen(
    monkeypatch: pytest.MonkeyPatch, cores: int, items: int, chosen: int | None, processes: int
) -> None:
    monkeypatch.setattr(parallel, "_cores", lambda: cores)
    assert processes_for(items, 10, chosen) == processes


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="not known there")
def test_cores_are_those_that_this_process_may_use() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})"
    code += "; from nirgan.data.parallel import processes_for; print(processes_for(1000, 10))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"


SLEEPERS = """
import os, time
from nirgan.data import parallel
from nirgan.data.parallel import in_processes, processes_for

def work(number):
    # At once: where output is unbuffered, print writes the end of a line apart, and lines of two workers mix.
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(0.2)

if __name__ == "__main__":
    for done in in_processes(work, range(10**6), 2):
        pass
"""


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that has ended and waits to be asked for its code is none."""
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_a_parent_that_was_killed(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "sleepers.py").write_text(SLEEPERS)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "sleepers.py")], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    workers = {int(parent.stdout.readline()) for _ in range(8)}
    parent.send_signal(number)
    parent.wait(timeout=30)
    deadline = time.monotonic() + 20
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = list(filter(is_running, workers))
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def test_a_new_process_imports_no_more_than_it_works_with() -> None:
    work = "nirgan.data.grouping, nirgan.data.inspection.look, nirgan.registration.align_pair"
    heavy = "kornia albumentations torchvision webdataset matplotlib rich typer"
    code = f"import sys, {work}; print([name for name in '{heavy}'.split() if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
