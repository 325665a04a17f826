"""One process at a time in a folder that a command writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from nirgan.errors import NirganError

LOCK = ".lock"
"""Name of the lock of a folder that holds it itself."""


@contextmanager
def alone(folder: Path, lock: Path | None = None) -> Iterator[None]:
    """Keep other processes out of a folder; that ends with this process, however it ends.

    Args:
        folder: What is written.
        lock: File to lock, removed at the end; ``.lock`` in the folder, which is then made, if none is given.

    Raises:
        NirganError: if another process writes there.
        OSError: if the lock cannot be written.
    """
    lock = lock or folder / LOCK
    lock.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(lock)
    try:
        held.acquire(blocking=False)
    except Timeout:
        raise NirganError(f"{folder}: another process is writing there; wait for it") from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no file that is open
            lock.unlink()
        held.release()
