"""``<category>/NNNN_nir.*`` and ``<category>/NNNN_rgb.*``: the RGB-NIR Scene data set of EPFL."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from nirgan.data.layouts import Found, Layout
from nirgan.data.sample import Pairing
from nirgan.data.scan import Names, by_name, folders, match, pictures
from nirgan.registry import LAYOUTS


@LAYOUTS.register("rgb-nir-scene")
class RgbNirScene(Layout):
    """Both pictures of a pair in one folder per category (or in one folder for all), told apart by their ending."""

    rank: ClassVar[int] = 30
    summary: ClassVar[str] = "<category>/NNNN_nir.* + NNNN_rgb.* (RGB-NIR Scene)"

    def recognise(self, folder: Path) -> bool:
        """The folder, or one directly below it, holds both endings."""
        return any(_has_both(place) for place in (folder, *folders(folder).values()))

    def read(self, folder: Path, set_name: str) -> Found:
        """Match by number within a category; a pair's name is ``category_NNNN``."""
        categories: dict[str, str] = {}
        sides: list[Names] = []
        for ending in ("_nir", "_rgb"):
            side = {}
            for name, paths in by_name(folder, ending=ending).items():
                flat = name.replace("/", "_")
                categories[flat] = name.split("/")[-2] if "/" in name else ""
                side[flat] = paths
            sides.append(side)
        records, problems = match(set_name, sides[0], sides[1], categories.__getitem__, Pairing.REGISTERED)
        return Found(self.summary, records, problems)


def _has_both(folder: Path) -> bool:
    endings = {path.stem.lower()[-4:] for path in pictures(folder, deep=False)}
    return {"_nir", "_rgb"} <= endings
