"""Work in several processes."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest

from nirgan.data.parallel import in_processes
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


def test_a_new_process_imports_no_more_than_it_works_with() -> None:
    work = "nirgan.data.grouping, nirgan.data.inspection.look, nirgan.registration.align_pair"
    heavy = "kornia albumentations torchvision webdataset matplotlib rich typer"
    code = f"import sys, {work}; print([name for name in '{heavy}'.split() if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
