"""A folder of colour photographs, for gray2rgb."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from nirgan.data.layouts import Found, Layout
from nirgan.data.sample import Pairing
from nirgan.data.scan import by_name, first_folder, match, pictures
from nirgan.registry import LAYOUTS


@LAYOUTS.register("photographs")
class Photographs(Layout):
    """Any folder with pictures, also in folders below it, which name the category. Tried last."""

    rank: ClassVar[int] = 90
    summary: ClassVar[str] = "a folder of colour photographs (gray2rgb; nir2rgb uses them as unpaired targets)"

    def recognise(self, folder: Path) -> bool:
        """There is a picture."""
        return next(pictures(folder), None) is not None

    def read(self, folder: Path, set_name: str) -> Found:
        """One record per picture; the target alone."""
        records, problems = match(set_name, {}, by_name(folder), first_folder, Pairing.UNPAIRED)
        return Found("colour photographs", records, problems)
