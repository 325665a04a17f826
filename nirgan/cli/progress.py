"""How far a piece of work with a known number of pictures is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nirgan.cli.output import say

Show = Callable[[int, int], None]
"""Told how many pictures (or what the unit is) are done and how many there are."""

_LINE_EVERY_S = 5.0


@contextmanager
def progress(work: str, *, shown: bool = True, unit: str = "pictures") -> Iterator[Show]:
    """Show on stderr how far ``work`` is (``translating``); ``shown`` is False where another process speaks."""
    if not shown:
        yield lambda done, total: None
        return
    if not sys.stderr.isatty():
        yield _lines(work, unit)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(work)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(work: str, unit: str) -> Show:
    """At most one line in a few seconds, none for short work."""
    said = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _LINE_EVERY_S:
            said = time.monotonic()
            say(f"{work}: {done}/{total} {unit}")

    return show
