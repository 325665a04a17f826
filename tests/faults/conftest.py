"""Fixtures of the tests that kill, stop and starve runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

pytest.register_assert_rewrite("interrupted_runs", "same_run")
sys.path.append(str(Path(__file__).parents[1] / "training"))
if sys.platform != "linux":  # which forks, and tells a process's time and memory in /proc
    collect_ignore_glob = ["test_*.py"]

from interrupted_runs import Ended, Forker, Run  # noqa: E402


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with twelve pairs of 40 pixels."""
    from toy_training import write_pairs

    folder = tmp_path_factory.mktemp("faults")
    write_pairs(folder / "pairs", side=40)
    return folder


@pytest.fixture(scope="session")
def forker(workplace: Path) -> Iterator[Forker]:
    forker = Forker(workplace)
    yield forker
    forker.close()


@pytest.fixture(scope="session")
def whole(forker: Forker, workplace: Path) -> Callable[[str], tuple[Path, Ended]]:
    """The run of a model that nothing interrupts."""

    @cache
    def run(model: str, *more: str) -> tuple[Path, Ended]:
        run = Run(forker, workplace, "-".join(["whole", model, *more]).replace("=", ""), model, more)
        ended = run.go_on()
        assert ended.code == 0, ended.said
        assert ended.counts["save rename"] > 3
        return run.path, ended

    return run
