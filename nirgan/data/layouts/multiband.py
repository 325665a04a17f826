"""TIFF files of four bands, red, green, blue and near-infrared: each is a pair by itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

from nirgan.data.files import picture_shape
from nirgan.data.layouts import Found, Layout
from nirgan.data.regions import BANDS
from nirgan.data.sample import Pairing
from nirgan.data.scan import by_name, first_folder, match, pictures
from nirgan.errors import NirganError
from nirgan.registry import LAYOUTS

_LOOKED_AT = 5


@LAYOUTS.register("multiband")
class MultiBand(Layout):
    """One file a pair, its bands in the file's channels or on its pages.

    The fourth band is near-infrared and the first three are red, green and blue; with ``--band N`` the Nth is
    near-infrared and the others are red, green and blue in their order. A fourth channel that the file marks as alpha
    (ExtraSamples 1 or 2) is no band: a folder of such files is one of colour photographs.
    """

    rank: ClassVar[int] = 70
    summary: ClassVar[str] = "TIFF files of four bands: red, green, blue, near-infrared (another order: --band N)"

    def recognise(self, folder: Path) -> bool:
        """The first files that can be read have four bands each, by their headers."""
        seen = False
        for path in islice(pictures(folder), _LOOKED_AT):
            channels = _channels(path)
            if channels not in (BANDS, None):
                return False
            seen = seen or channels == BANDS
        return seen

    def read(self, folder: Path, set_name: str) -> Found:
        """One record per file; a file with other bands says so when it is read."""
        named = by_name(folder)
        if not named:
            raise NirganError(f"{folder}: no pictures for pairs of bands")
        records, problems = match(set_name, {}, named, first_folder, Pairing.REGISTERED)
        pairs = [replace(record, source=record.target, region="bands") for record in records]
        return Found("files of four bands, colour and near-infrared", pairs, problems)


def _channels(path: Path) -> int | None:
    try:
        return picture_shape(path)[2]
    except NirganError:  # a broken file says nothing about the others
        return None
