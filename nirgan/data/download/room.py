"""Room on the disk, before it is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from nirgan.errors import NirganError

_SPARE = 64 * 2**20
"""Bytes that stay free for everything else."""


def require_room(folder: Path, needed: int, what: str) -> None:
    """Make sure that ``needed`` bytes fit.

    Args:
        folder: Where they are going to be written; must exist.
        needed: How many there are.
        what: What they are, for the message.

    Raises:
        NirganError: if the disk has less room.
    """
    free = shutil.disk_usage(folder).free - _SPARE
    if needed > free:
        raise NirganError(
            f"{folder}: {what} needs {in_words(needed)}, {in_words(max(free, 0))} are free; make room, or use --out "
            "to name a folder on another disk"
        )


def in_words(size: int) -> str:
    """A number of bytes for people: ``952 MB``."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= step:
            return f"{size / step:.3g} {unit}" if size < 1000 * step else f"{size / step:.0f} {unit}"
    return f"{size} bytes"
