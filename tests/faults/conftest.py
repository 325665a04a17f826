"""Fixtures of the tests that kill, stop and starve runs."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

pytest.register_assert_rewrite("interrupted_runs")

from interrupted_runs import Ended, Forker, Run  # noqa: E402

sys.path.append(str(Path(__file__).parents[1] / "training"))


@pytest.fixture(scope="session")
def workplace() -> Iterator[Path]:
    """A folder with twelve pairs of 40 pixels, that any user may enter (pytest's own are for one alone)."""
    from toy_training import write_pairs

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        write_pairs(folder / "pairs", side=40)
        yield folder


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
