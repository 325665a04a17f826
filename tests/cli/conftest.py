from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Ended = tuple[int, str, str]
"""Exit code, stdout and stderr."""


@pytest.fixture
def two_processes() -> Callable[..., list[Ended]]:
    """Run one command as two processes, as ``torchrun`` would start them."""

    def run(*args: object, cwd: Path | None = None) -> list[Ended]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        launcher = {"OMP_NUM_THREADS": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        command = [sys.executable, "-m", "nirgan", *map(str, args)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        processes = [
            subprocess.Popen(command, cwd=cwd, env={**os.environ, **launcher, "RANK": rank}, **pipes) for rank in "01"
        ]
        spoken = [process.communicate(timeout=120) for process in processes]
        return [(process.returncode, out, err) for process, (out, err) in zip(processes, spoken, strict=True)]

    return run
