"""Copies in a set: which records show the same picture, and whether training sees what the test asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nirgan.data.duplicates import groups, same_pixels
from nirgan.data.index import Record
from nirgan.data.inspection.look import SIDES, Look

Group = tuple[int, ...]
"""Numbers of records, rising."""


@dataclass(frozen=True)
class Copies:
    """Groups of records whose sources, or whose targets, are copies of each other.

    Attributes:
        exact: With equal pixels on one side.
        near: With nearly equal pictures on one side; groups that are exact as a whole are not repeated.
    """

    exact: list[Group]
    near: list[Group]

    def leaking(self, records: Sequence[Record]) -> list[Group]:
        """The groups that lie in several splits."""
        splits = {group: {records[number].split for number in group} - {""} for group in (*self.exact, *self.near)}
        return [group for group, found in splits.items() if len(found) > 1]


def find_copies(looks: Sequence[Look]) -> Copies:
    """Compare all sources with each other, and all targets."""
    exact: dict[Group, None] = {}  # sets that keep their order
    near: dict[Group, None] = {}
    for wanted in SIDES:
        prints = {
            number: seen.fingerprint
            for number, look in enumerate(looks)
            for side, seen in look.sides()
            if side == wanted
        }
        exact.update((tuple(group), None) for group in same_pixels(prints))
        near.update((tuple(group), None) for group in groups(prints))
    return Copies(list(exact), [group for group in near if group not in exact])
