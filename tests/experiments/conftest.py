from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import Ended

Program = Callable[..., Ended]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Program:
    """Run ``experiments/NAME/run.py`` with arguments, in an empty folder, in this process."""
    monkeypatch.chdir(tmp_path)

    def call(name: str, *args: object) -> Ended:
        path = Path(__file__).parents[2] / "experiments" / name / "run.py"
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(path), run_name="__main__")
        return Ended(int(ended.value.code or 0), *capfd.readouterr())

    return call
