"""The process that ``nirgan.bench.start`` times: ``python -m nirgan.bench.start_worker SETTINGS OUT SINCE``.

It imports what ``nirgan train`` imports, calls what it calls, and notes when each part is done; it ends with the first
step.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Marks:
    """Seconds of parts that follow each other.

    Args:
        since: ``time.time()`` when the first part began.
    """

    def __init__(self, since: float) -> None:
        self.seconds: dict[str, float] = {}
        self._since = since

    def done(self, part: str) -> None:
        """A part ends now, and the next one begins."""
        now = time.time()
        self.seconds[part], self._since = now - self._since, now

    def after(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """``work``, with the part done when it returns."""

        def run(*args: Any, **options: Any) -> Any:
            result = work(*args, **options)
            self.done(part)
            return result

        return run


def main(settings: Path, out: Path, since: float) -> None:
    """Train one step and print the seconds as JSON."""
    marks = Marks(since)
    import torch

    from nirgan.cli import app
    from nirgan.config import check, read_yaml
    from nirgan.monitoring.progress import Silent
    from nirgan.training import train as training

    app._add_commands()
    config = check(read_yaml(settings), str(settings))
    marks.done("import")

    class Watch(Silent):
        """Notes when the loop begins and when its first step is done; that is the end."""

        def step(self, step: int, total: int | None) -> None:
            if step == 0:
                marks.done("set up")
                return
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            marks.done("first step")
            sys.stdout.write(json.dumps(marks.seconds) + "\n")
            sys.stdout.flush()
            os._exit(0)  # what a training does at its end is not asked for

    module = sys.modules["nirgan.training.train"]
    module.open_training_data = marks.after("data", module.open_training_data)  # type: ignore[attr-defined]
    module.build_recipe = marks.after("build", module.build_recipe)  # type: ignore[attr-defined]
    training(config, out=out, progress=Watch())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
