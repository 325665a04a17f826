"""Moments in a process's life: its file-system calls are counted, and at a chosen one something happens to it.

What may happen (``act``): ``kill``, ``term``, ``int`` send the signal; ``full`` fills the disk for good, ``once`` for
that one call. A write to which something happens is half done.
"""

from __future__ import annotations

import errno
import io
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nirgan.training.checkpoint import Checkpoints

SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "int": signal.SIGINT}
GROWS = ("create", "mkdir", "write", "fsync", "rename", "replace")
"""Calls for which a disk may be too full."""
OTHERS = ("unlink", "rmdir", "truncate")


class Moments:
    """Counts the calls that change files: each by its name, in ``any``, and once more with ``save `` within a save.

    Args:
        name: Count that is watched, as ``save rename``.
        nth: The call, from 1, at which it happens.
        act: What happens.
    """

    def __init__(self, name: str = "", nth: int = 0, act: str = "kill") -> None:
        self.counts: Counter[str] = Counter()
        self._watched, self._nth, self._act = name, nth, act
        self._saves = 0
        self._full = False

    def watch(self) -> None:
        """From now on, in the whole process."""
        for name in ("mkdir", "fsync", "rename", "replace", *OTHERS):
            setattr(os, name, self._counted(name, getattr(os, name)))
        opened = io.open
        io.open = lambda *args, **kwargs: self._open(opened, *args, **kwargs)  # type: ignore[assignment]
        for name in ("save_last", "save_best"):
            setattr(Checkpoints, name, self._saving(getattr(Checkpoints, name)))

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.pass_by(name)
            return real(*args, **kwargs)

        return call

    def _saving(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._saves += 1
            try:
                return real(*args, **kwargs)
            finally:
                self._saves -= 1

        return call

    def _open(
        self,
        real: Callable[..., Any],
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        if not isinstance(file, str | Path) or not set(mode) & set("wax"):
            return real(file, mode, buffering, encoding, errors, newline)
        self.pass_by("create")
        raw = _Raw(file, mode.replace("b", ""), self)
        if not buffering:
            return raw
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)

    def pass_by(self, name: str, halfway: Callable[[], Any] = lambda: None) -> None:
        """A call is about to be made.

        Args:
            name: Its name.
            halfway: Does the half of it.

        Raises:
            OSError: if the disk is full.
        """
        names = [name, "any", *([f"save {name}", "save any"] if self._saves else [])]
        self.counts.update(names)
        now = self._watched in names and self.counts[self._watched] == self._nth
        if now and self._act in SIGNALS:
            if self._act == "kill":
                halfway()
            os.kill(os.getpid(), SIGNALS[self._act])
        self._full |= now and self._act == "full"
        refused = (now and self._act in ("full", "once")) or (self._full and name in ("mkdir", "write"))
        if refused and name in GROWS:
            halfway()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Raw(io.FileIO):
    """A file without a buffer, each write of which is a call that counts."""

    def __init__(self, file: str | Path, mode: str, moments: Moments) -> None:
        super().__init__(file, mode)
        self._moments = moments

    def write(self, content: Any) -> int:
        write = super().write
        self._moments.pass_by("write", lambda: write(memoryview(content).cast("B")[: len(content) // 2]))
        return write(content)
