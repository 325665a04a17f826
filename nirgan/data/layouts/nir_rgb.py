"""``nir/`` and ``rgb/``: pairs by equal names, suffixes apart."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from nirgan.data.layouts import Found, Layout
from nirgan.data.sample import Pairing
from nirgan.data.scan import by_name, first_folder, folders, match
from nirgan.registry import LAYOUTS


@LAYOUTS.register("nir-rgb")
class NirRgb(Layout):
    """Two folders; the same name means the same view. A folder below them names the category."""

    rank: ClassVar[int] = 20
    summary: ClassVar[str] = "nir/ + rgb/ with the same names"

    def recognise(self, folder: Path) -> bool:
        """Both folders are there."""
        return {"nir", "rgb"} <= folders(folder).keys()

    def read(self, folder: Path, set_name: str) -> Found:
        """Match the two folders' pictures by name."""
        below = folders(folder)
        records, problems = match(
            set_name, by_name(below["nir"]), by_name(below["rgb"]), first_folder, Pairing.REGISTERED
        )
        return Found(self.summary, records, problems)
