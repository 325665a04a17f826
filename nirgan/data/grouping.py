"""Which pictures show one scene, and so belong into one part of a split: as named, or found by looking at them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from nirgan.data.duplicates import Fingerprint, fingerprint_of, groups
from nirgan.data.index import Data, Record, first_of
from nirgan.data.leaks import sharing_a_file
from nirgan.data.parallel import in_processes, processes_for
from nirgan.data.pictures import Side, read_side
from nirgan.data.sample import Pairing
from nirgan.data.split import names_of
from nirgan.errors import NirganError

SIDES: tuple[Side, Side] = ("source", "target")
_WORTH_A_PROCESS = 100
"""Pictures; a new process takes as long to start as looking at some tens of small ones."""


class By(StrEnum):
    """What holds pictures together."""

    SCENE = "scene"
    """Names of scenes; every picture must have one."""
    PICTURE = "picture"
    """Nothing: each is a scene of its own."""
    DUPLICATES = "duplicates"
    """Names of scenes where there are any, equal files, and being near-duplicates.

    Without names this is no split by scene. Of 357 real pairs of 169 scenes (see ``nirgan.data.duplicates``) it makes
    274 groups, none of which joins two scenes, and of 36 test pictures 19 share their scene with training; where each
    picture is split alone, 30 do.
    """


def default_by(records: Iterable[Record]) -> By:
    """By scene where all scenes are known, else by near-duplicates."""
    return By.SCENE if all(map(known_scene, records)) else By.DUPLICATES


def known_scene(record: Record) -> str:
    """The scene as somebody named it, empty if nobody did: pictures without partners share one by their names alone."""
    return record.scene if record.pairing != Pairing.UNPAIRED or record.scene != _implied(record) else ""


def by_scene(records: Sequence[Record]) -> list[Record]:
    """The records as they are.

    Raises:
        NirganError: if some of them have no scene.
    """
    without = [record.key for record in records if not known_scene(record)]
    if without:
        raise NirganError(
            f"{len(without)} of {len(records)} pictures have no scene, first: {first_of(without)}. Name their scenes "
            "in a file (--scenes FILE), or leave --by out to look for near-duplicates"
        )
    return list(records)


def by_picture(records: Sequence[Record]) -> list[Record]:
    """The records without scenes; pictures without partners are still held together by equal names."""
    return [replace(r, scene=_implied(r) if r.pairing == Pairing.UNPAIRED else "") for r in records]


def by_duplicates(
    data: Data, *, workers: int | None = 0, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[list[Record], list[str]]:
    """Give every record the name of its group as its scene.

    A group holds whoever shares a named scene, a file, or a near-duplicate on either side with one of it. Its name is
    that of a named scene in it, else the key of its first record.

    Args:
        data: Its pictures are decoded, one after the other.
        workers: Processes; 0 works here, None chooses.
        on_progress: Told how many records of how many have been looked at.

    Returns:
        The records, and what could not be read: ``file: why``. Of such a picture only name and file are known.
    """
    seen: dict[Side, dict[str, Fingerprint]] = {side: {} for side in SIDES}
    failed: list[str] = []
    records = data.all_records
    processes = processes_for(len(records), _WORTH_A_PROCESS, workers)
    looks = in_processes(_Look(replace(data, all_records=[], problems=[])), records, processes)
    for done, (record, (prints, trouble)) in enumerate(zip(records, looks, strict=True), start=1):
        for side, fingerprint in prints.items():
            seen[side][record.key] = fingerprint
        failed += trouble
        on_progress(done, len(records))
    together = [*sharing_a_file(records), *groups(seen["source"]), *groups(seen["target"])]
    scenes = _joined(records, together)
    return [replace(record, scene=scenes[record.key]) for record in records], list(dict.fromkeys(failed))


@dataclass(frozen=True)
class _Look:
    """Fingerprints of a record's pictures by side, and what could not be read.

    Attributes:
        data: How to read; without its records, because it goes to other processes with each of them.
    """

    data: Data

    def __call__(self, record: Record) -> tuple[dict[Side, Fingerprint], list[str]]:
        prints: dict[Side, Fingerprint] = {}
        failed: list[str] = []
        for side, there in zip(SIDES, (record.has_source_file, record.has_target), strict=True):
            try:
                if there:
                    prints[side] = fingerprint_of(read_side(self.data, record, side).pixels)
            except NirganError as error:
                failed.append(str(error))
        return prints, failed


def _joined(records: Sequence[Record], together: Iterable[Sequence[str]]) -> dict[str, str]:
    """Name of each record's group, by key; ``together`` are keys that are in one."""
    named = {known_scene(record) for record in records}
    scenes = {record.key: record.scene or record.key for record in records}
    stands_for: dict[str, str] = {}

    def group_of(scene: str) -> str:
        while scene in stands_for:
            scene = stands_for[scene]
        return scene

    for keys in together:
        first, *others = sorted({group_of(scenes[key]) for key in keys}, key=lambda scene: (scene not in named, scene))
        stands_for.update(dict.fromkeys(others, first))
    return {key: group_of(scene) for key, scene in scenes.items()}


def _implied(record: Record) -> str:
    """The scene that a picture without partner is given for its name; see ``open.take_apart``."""
    return f"{record.set}/{names_of(record)[-1]}"
