"""``A/`` and ``B/``, or ``trainA/ trainB/ …``: the folders of CycleGAN. A is the source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from nirgan.data.index import SPLITS
from nirgan.data.layouts import Found, Layout
from nirgan.data.sample import Pairing
from nirgan.data.scan import by_name, first_folder, folders, match
from nirgan.registry import LAYOUTS


@LAYOUTS.register("a-b")
class AB(Layout):
    """Two pools. Equal names do not make pairs of them: CycleGAN's sets count both sides from 1."""

    rank: ClassVar[int] = 40
    summary: ClassVar[str] = "A/ + B/, or trainA/ + trainB/ (valA/ …, testA/ …), unpaired; A is the source"

    def recognise(self, folder: Path) -> bool:
        """Two folders of one split, or ``A/`` and ``B/``, are there."""
        return bool(_sides(folder))

    def read(self, folder: Path, set_name: str) -> Found:
        """List both sides of every split; pictures of one name share a record, which open_data takes apart."""
        found = Found("", [])
        for split, (a, b) in _sides(folder).items():
            records, problems = match(set_name, by_name(a), by_name(b), first_folder, Pairing.UNPAIRED)
            if split:
                records = [replace(record, name=f"{split}/{record.name}", split=split) for record in records]
            found.records += records
            found.problems += problems
        alike = all(record.source and record.target for record in found.records)
        found.words = self.summary.partition(",")[0] + (
            ", taken as unpaired: equal names alone do not prove pairs; if they are, use --pairing registered"
            if alike
            else ", unpaired"
        )
        return found


def _sides(folder: Path) -> dict[str, tuple[Path, Path]]:
    below = folders(folder)
    found = {
        split: (below[f"{split}a"], below[f"{split}b"])
        for split in ("", *SPLITS)
        if {f"{split}a", f"{split}b"} <= below.keys()
    }
    return {split: sides for split, sides in found.items() if split} or found
