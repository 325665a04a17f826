"""The VCIP 2020 challenge's folders: ``NIR/``, ``RGB-Registered/``, ``Validation/``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from nirgan.data.layouts import Found, Layout
from nirgan.data.sample import Pairing
from nirgan.data.scan import by_name, folders, match
from nirgan.registry import LAYOUTS

_NIR, _RGB = "_nir", "_rgb_reg"


@LAYOUTS.register("vcip")
class Vcip(Layout):
    """``NIR/<category>_<nnnn>_nir`` with ``RGB-Registered/<category>_<nnnn>_rgb_reg``.

    The pairs of ``Validation/`` are the test split: 15 of the 18 are in the test set that papers report on, so nothing
    may be selected by them; a validation split is taken from the training pairs instead. ``RGB-Online/`` has no NIR
    partners and is left out.
    """

    rank: ClassVar[int] = 20
    summary: ClassVar[str] = "NIR/ + RGB-Registered/ + Validation/ (VCIP 2020; Validation/ is the test split)"

    def recognise(self, folder: Path) -> bool:
        """Both training folders are there."""
        return {"nir", "rgb-registered"} <= folders(folder).keys()

    def read(self, folder: Path, set_name: str) -> Found:
        """Match by name without endings."""
        below = folders(folder)
        pairs = {"train": (below["nir"], below["rgb-registered"])}
        if "validation" in below:
            pairs["test"] = (below["validation"], below["validation"])
        found = Found(self.summary, [])
        for split, (nir, rgb) in pairs.items():
            records, problems = match(
                set_name, by_name(nir, ending=_NIR), by_name(rgb, ending=_RGB), _category, Pairing.REGISTERED
            )
            found.records += [replace(record, split=split) for record in records]
            found.problems += problems
        return found


def _category(name: str) -> str:
    category = name.rpartition("_")[0]
    return "" if category == "validation" else category
