"""Keep decoded pictures in memory under a limit, most of them in the numbers that their files hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from nirgan.data.files import Picture


class PictureCache:
    """First come, first kept: what fits under the limit stays for good.

    Training asks for every picture once an epoch in a new order; dropping the least recently used one would then drop
    what comes next, and a set slightly larger than the limit would never find anything.
    """

    def __init__(self, limit_mb: float) -> None:
        self.limit_bytes = int(limit_mb * 2**20)
        self.used_bytes = 0
        self._kept: dict[Any, Picture] = {}

    def get(self, key: Any, read: Callable[[], Picture]) -> Picture:
        """The picture kept under ``key``, or what ``read`` returns, kept if there is room."""
        picture = self._kept.get(key)
        if picture is None:
            picture = read()
            size = picture.pixels.nbytes
            if self.used_bytes + size <= self.limit_bytes:
                if not picture.pixels.flags.writeable:  # mapped from a disk cache: a process may hold few maps at once
                    picture = replace(picture, pixels=picture.pixels.copy())
                self._kept[key] = picture
                self.used_bytes += size
        return picture

    def __len__(self) -> int:
        return len(self._kept)

    def __getstate__(self) -> dict[str, Any]:
        """Travel empty to another process."""
        return {"limit_bytes": self.limit_bytes, "used_bytes": 0, "_kept": {}}
