"""How far a run is, for the person who watches: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

_LINE_EVERY_S = 5.0


class Progress(Protocol):
    """What the trainer tells."""

    def step(self, step: int, total: int | None) -> None:
        """A step is done."""

    def line(self, step: int, total: int | None, values: Mapping[str, float]) -> None:
        """A log line is due; values by tag."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Silent:
    """Says nothing: for processes that do not lead."""

    def step(self, step: int, total: int | None) -> None:
        """Do nothing."""

    def line(self, step: int, total: int | None, values: Mapping[str, float]) -> None:
        """Do nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class Lines(Silent):
    """One line through ``logging`` for each log line."""

    def line(self, step: int, total: int | None, values: Mapping[str, float]) -> None:
        """Say how far and how well."""
        logger.info("step %d%s  %s", step, f"/{total}" if total else "", summary(values))


class Bar(Silent):
    """A bar on stderr; log lines of the program appear above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (BarColumn(30), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        self._bar = RichProgress(*columns, console=Console(stderr=True), redirect_stdout=False)
        self._task: Any = None
        self._moved: list[logging.StreamHandler[Any]] = []

    def __enter__(self) -> Self:
        own = [h for h in logging.getLogger().handlers if isinstance(h, logging.StreamHandler)]
        self._moved = [handler for handler in own if handler.stream is sys.stderr]
        self._bar.start()  # stderr now prints above the bar
        for handler in self._moved:
            handler.setStream(sys.stderr)
        self._task = self._bar.add_task("", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        for handler in self._moved:
            handler.setStream(sys.stderr)

    def step(self, step: int, total: int | None) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=step, total=total)

    def line(self, step: int, total: int | None, values: Mapping[str, float]) -> None:
        """Show the newest numbers beside the bar."""
        self._bar.update(self._task, description=summary(values))


class Watched(Generic[Item]):
    """Items that are counted as they go by, in each pass over them: a bar on a terminal, a line now and then elsewhere.

    Args:
        items: Passed on, in their order.
        total: How many there are.
        work: What is being done with them, in a word (``preparing``).
    """

    def __init__(self, items: Iterable[Item], total: int, work: str) -> None:
        self._items, self._total, self._work = items, total, work

    def __iter__(self) -> Iterator[Item]:
        if not sys.stderr.isatty():
            yield from self._with_lines()
            return
        from rich.console import Console
        from rich.progress import Progress as RichProgress

        with RichProgress(console=Console(stderr=True), transient=True) as bar:
            yield from bar.track(self._items, total=self._total, description=self._work)

    def _with_lines(self) -> Iterator[Item]:
        said = time.monotonic()
        for done, item in enumerate(self._items):
            if time.monotonic() - said >= _LINE_EVERY_S:
                said = time.monotonic()
                logger.info("%s: %d/%d", self._work, done, self._total)
            yield item


def progress_for_terminal() -> Progress:
    """A bar if people watch stderr, lines if it goes to a file or a pipe."""
    return Bar() if sys.stderr.isatty() else Lines()


def summary(values: Mapping[str, float]) -> str:
    """Losses and speed in a few words: ``generator/l1 0.123  discriminator/gan 0.5  12.3 images/s``."""
    losses = [f"{tag.removeprefix('loss/')} {value:.4g}" for tag, value in values.items() if tag.startswith("loss/")]
    speed = values.get("speed/images_per_s")
    return "  ".join([*losses, *([] if speed is None else [f"{speed:.1f} images/s"])])
