"""Tars in the form of webdataset: what `nirgan data shard` writes, and others'."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from nirgan.data.contents import remember
from nirgan.data.index import Problem, Record
from nirgan.data.layouts import Found, Layout
from nirgan.data.sample import Pairing
from nirgan.data.shards.index import Entry, shards_in
from nirgan.data.shards.scan import open_shards
from nirgan.errors import NirganError
from nirgan.registry import LAYOUTS


@LAYOUTS.register("shards")
class Shards(Layout):
    """Samples in tars, each with its description; sets, names and splits are those of the folder they were made of.

    Recognised by the tars' names, since a folder of pictures may hold the archive that they came in. Asked for by name,
    any tars are read: ``NAME.nir.png`` and ``NAME.rgb.png`` without a description are registered pairs.
    """

    rank: ClassVar[int] = 5
    summary: ClassVar[str] = (
        "shard-*.tar + nirgan-index.csv (`nirgan data shard`); shards:DIR reads others of webdataset's kind"
    )

    def recognise(self, folder: Path) -> bool:
        """There is a tar called ``shard-…``."""
        return any(path.is_file() for path in folder.glob("shard-*.tar"))

    def read(self, folder: Path, set_name: str) -> Found:
        """Read the index, or the tars' headers where none fits."""
        tars = shards_in(folder)
        if not tars:
            raise NirganError(f"{folder}: no tars for shards")
        found = open_shards(folder, set_name)
        remember(folder, found.entries)
        records = [_record(folder, entry) for entry in found.entries]
        problems = [Problem.of("left out of the shards", found.problems)] if found.problems else []
        return Found(f"{len(tars)} shard{'s' if len(tars) > 1 else ''}", records, problems)


def _record(folder: Path, entry: Entry) -> Record:
    said: dict[str, Any] = entry.said
    said["pairing"] = Pairing(said["pairing"])
    sides = [folder / entry.shard / member.name if member else None for member in (entry.source, entry.target)]
    return Record(**said, source=sides[0], target=sides[1])
