"""Folders that may not be written: refused in a line, with nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from interrupted_runs import Ended, Forker, Run, assert_same_end, files_of


def permit(top: Path, *, folders: int, files: int) -> None:
    for path in (top, *top.rglob("*")):
        path.chmod(folders if path.is_dir() else files)


@pytest.fixture
def begun(forker: Forker, workplace: Path, request: pytest.FixtureRequest) -> Run:
    """A run that was killed in its second save."""
    run = Run(forker, workplace, request.node.name, "pix2pix")
    assert run.go_on(("save rename", 2, "kill")).code == -9
    assert run.newest() > 0
    return run


def test_a_new_run_in_a_read_only_folder_is_refused(forker: Forker, workplace: Path) -> None:
    closed = workplace / "closed"
    closed.mkdir(mode=0o555)
    run = Run(forker, workplace, "closed/run", "pix2pix", ("--out", "closed/run"))
    words = run.go_on(bound=True).error
    assert "closed/run: cannot be written (Permission denied)" in words
    assert "give another --out" in words
    assert not any(closed.iterdir())


def test_a_read_only_run_is_refused_and_stays(begun: Run, whole: Callable[..., tuple[Path, Ended]]) -> None:
    before = {path: path.stat().st_mtime_ns for path in begun.path.rglob("*")}
    permit(begun.path, folders=0o555, files=0o444)
    words = begun.go_on(bound=True).error
    assert f"{begun.path.name}/.lock: cannot be written (Permission denied)" in words
    assert {path: path.stat().st_mtime_ns for path in begun.path.rglob("*")} == before
    permit(begun.path, folders=0o755, files=0o644)
    assert begun.go_on().code == 0
    assert_same_end(whole("pix2pix")[0], begun.path)


@pytest.mark.slow
def test_read_only_checkpoints_stay(begun: Run, whole: Callable[..., tuple[Path, Ended]]) -> None:
    checkpoints = begun.path / "checkpoints"
    permit(checkpoints, folders=0o555, files=0o444)
    before, newest = files_of(checkpoints), begun.newest()
    words = begun.go_on(bound=True).error
    assert f"error: {begun.path.name}/checkpoints/" in words
    assert "cannot be written (Permission denied)" in words
    assert (files_of(checkpoints), begun.newest()) == (before, newest)
    permit(checkpoints, folders=0o755, files=0o644)
    assert begun.go_on().code == 0
    assert_same_end(whole("pix2pix")[0], begun.path)
