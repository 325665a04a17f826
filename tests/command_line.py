"""The command line as people call it, in the process of the tests: ``main`` with arguments, exit code and streams."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from nirgan.cli.app import main


class Ended(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def refused(self) -> str:
        """The one line of a command that was refused: exit code 2, nothing on stdout, no traceback."""
        assert self.code == 2, self
        assert self.out == ""
        return self._line("error: ")

    def failed(self, *names: str) -> str:
        """What a command said that did only part of its work: exit code 1, each name on a line with a reason."""
        assert self.code == 1, self
        assert "Traceback" not in self.err
        for name in names:
            assert any(name in line and len(line) > len(name) + 10 for line in self.err.splitlines()), (name, self.err)
        return self.err

    def _line(self, start: str) -> str:
        assert "Traceback" not in self.err
        lines = [line for line in self.err.splitlines() if line.startswith(start)]
        assert len(lines) == 1, self.err
        assert self.err.endswith(lines[0] + "\n"), self.err
        assert len(lines[0]) < 1000
        return lines[0].removeprefix(start)


Nirgan = Callable[..., Ended]


def command_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Nirgan:
    """A function that runs ``nirgan`` with arguments and gives what it came to."""

    def call(*args: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["nirgan", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Ended(int(ended.value.code or 0), *capfd.readouterr())

    return call
