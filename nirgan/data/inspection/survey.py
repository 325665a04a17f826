"""Look at every pair of folders or cards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nirgan.data.convert import checked_full_scale
from nirgan.data.index import Data
from nirgan.data.inspect import Listing, list_data
from nirgan.data.inspection.journal import open_journal, read_journal, stamp_of
from nirgan.data.inspection.look import Look, Looker
from nirgan.data.parallel import in_processes, processes_for

_WORTH_A_PROCESS = 32
"""Pairs; a new process takes as long to start as looking at some tens of small ones."""


@dataclass(frozen=True)
class Survey:
    """What names tell, and what was seen.

    Attributes:
        listing: The records.
        looks: One for each record, in their order.
        data: Reads their pictures again.
    """

    listing: Listing
    looks: list[Look]
    data: Data


def survey(
    specs: Sequence[str],
    *,
    band: int | None = None,
    full_scale: float | None = None,
    workers: int | None = 0,
    journal: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Survey:
    """Decode every picture once and keep a small record of each; interrupted, it can be repeated and goes on.

    Args:
        specs: Folders, ``LAYOUT:FOLDER``, or names of cards.
        band: Band that is the source, from 1.
        full_scale: Stored source value that means 1.0.
        workers: Processes; 0 looks here, None chooses.
        journal: File for what was seen; it is made, or read and continued.
        on_progress: Told the number of records done and of all.

    Raises:
        NirganError: if a folder is missing, empty, or in no known layout, or the full scale is no positive number.
        OSError: if the journal cannot be written.
    """
    scale = None if full_scale is None else checked_full_scale(full_scale)
    listing = list_data(specs)
    data = Data("nir2rgb", listing.pairing, source_channels=1, all_records=[], band=band, full_scale=scale)
    known = read_journal(journal)
    stamps = [stamp_of(record, band) for record in listing.records]
    new = [record for record, stamp in zip(listing.records, stamps, strict=True) if stamp not in known]
    fresh = in_processes(Looker(data), new, processes_for(len(new), _WORTH_A_PROCESS, workers))
    looks: list[Look] = []
    with open_journal(journal) as keep:
        for stamp in stamps:
            look = known.get(stamp)
            if look is None:
                look = next(fresh)
                keep(stamp, look)
            looks.append(look)
            on_progress(len(looks), len(stamps))
    return Survey(listing, looks, data)
