"""Training time and speed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from nirgan.training.runtime import Runtime


class Clock:
    """Seconds spent on training, without validation, pictures and saving.

    Args:
        seconds: Of the run's earlier parts.
    """

    def __init__(self, seconds: float = 0.0) -> None:
        self._before = seconds
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Training time so far, that of interrupted parts of the run included."""
        return self._before + (0.0 if self._since is None else time.perf_counter() - self._since)

    def start(self) -> None:
        """Begin to count."""
        self._since = time.perf_counter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Do something that is no training."""
        self._before, self._since = self.seconds, None
        try:
            yield
        finally:
            self.start()


class Pace:
    """Speed of this process's training, its first step left out: that one compiles, allocates and starts workers.

    Attributes:
        steps: Steps measured.
    """

    def __init__(self, clock: Clock, runtime: Runtime) -> None:
        self._clock, self._runtime = clock, runtime
        self._since: float | None = None
        self._images = 0
        self._last: tuple[float, int] = (0.0, 0)
        self.steps = 0

    def add(self, images: int) -> None:
        """A step on so many images, over all processes, is done."""
        if self._since is None:
            self._runtime.synchronise()
            self._since = self._clock.seconds
            self._last = (self._since, 0)
            return
        self.steps += 1
        self._images += images

    def seconds_per_step(self) -> float:
        """Mean; at least one step must be measured."""
        self._runtime.synchronise()
        assert self._since is not None
        return (self._clock.seconds - self._since) / self.steps

    def images_per_s(self) -> float:
        """Mean since the first step, 0 if nothing was measured."""
        self._runtime.synchronise()
        return 0.0 if self._since is None or not self.steps else self._images / (self._clock.seconds - self._since)

    def speed_since_last(self) -> float | None:
        """Images per second since this was last asked; None when no step was measured since."""
        seconds, images = self._last
        now = self._clock.seconds
        if self._images == images or now <= seconds:
            return None
        self._last = (now, self._images)
        return (self._images - images) / (now - seconds)
