"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:  # workers that each take all cores wait for each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")
pytest.register_assert_rewrite("command_line")

from command_line import Nirgan, command_line  # noqa: E402  # after the line that lets its asserts explain themselves


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real pictures beside the project; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("NIRGAN_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real pictures at {folder}")
    return folder


@pytest.fixture
def nirgan(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Nirgan:
    """The command line in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)
    return command_line(monkeypatch, capfd)
