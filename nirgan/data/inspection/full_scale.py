"""The full scale of a set: not what its files' type can hold but what its sensor delivered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_

from nirgan.data.inspection.look import SideLook

_DEPTHS = (8, 10, 12, 14, 16)
"""Bits that sensors deliver."""
_FEWEST_BITS = 8
"""With fewer above the lowest one that is ever set, values are few (drawings, masks) rather than shifted."""
_ALMOST = 0.98
"""Of the type's maximum: a full scale this near changes nothing that anybody would see."""
_OVERSHOOT = 2.0
"""Float files up to here hold [0, 1] with some lights above; beyond, another scale."""


@dataclass(frozen=True)
class FullScale:
    """What the pictures of one side and one type have in common.

    Attributes:
        type: Of the stored numbers.
        count: Pictures.
        declared: How many of them declare a full scale in their metadata.
        type_maximum: What the type can hold; 1.0 of float files.
        largest: Largest stored value of all.
        bits: That the values fill, as sensors have them; 0 of float files.
        shift: Lowest bits that are never set: the sensor's values were multiplied by 2**shift.
        white: Stored value that these bits make white; None of float files that hold no [0, 1].
        given: Full scale by the user, where it is said of these files.
    """

    type: str
    count: int
    declared: int
    type_maximum: float
    largest: float
    bits: int
    shift: int
    white: float | None
    given: float | None = None

    @property
    def reached(self) -> bool:
        """Whether a value is white: then the number of bits is no guess."""
        return self.largest == self.white

    @property
    def to_say(self) -> bool:
        """Whether ``--full-scale`` is needed: the files do not say it all, and their type says something else."""
        if self.given is not None or self.declared == self.count:
            return False
        return self.white is None or self.white < _ALMOST * self.type_maximum

    @property
    def exceeded(self) -> bool:
        """Whether values lie above the given full scale, where they are cut."""
        return self.given is not None and self.largest > self.given


def full_scales(
    looks: Iterable[SideLook], given: Callable[[str, float], float | None] = lambda type, type_maximum: None
) -> dict[tuple[str, float], FullScale]:
    """Full scales by type and the type's maximum, the most frequent first; ``given`` tells the user's for them."""
    groups: dict[tuple[str, float], list[SideLook]] = {}
    for look in looks:
        groups.setdefault(group_of(look), []).append(look)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    return {group: _of(*group, members, given(*group)) for group, members in ordered}


def group_of(look: SideLook) -> tuple[str, float]:
    """What pictures must have in common to share a full scale."""
    return look.type, look.type_maximum


def _of(type: str, type_maximum: float, looks: list[SideLook], given: float | None) -> FullScale:
    largest = max(look.largest for look in looks)
    used = reduce(or_, (look.used_bits for look in looks))
    declared = sum(look.declared is not None for look in looks)
    whole = _white(int(largest), used, int(type_maximum)) if used else None
    bits, shift, white = whole or (0, 0, _plain(largest, type_maximum))
    return FullScale(type, len(looks), declared, type_maximum, largest, bits, shift, white, given)


def _white(largest: int, used: int, type_maximum: int) -> tuple[int, int, float]:
    """Bits, shift and white of whole numbers, of which ``used`` has every bit that any of them has."""
    shift = (used & -used).bit_length() - 1
    if used.bit_length() - shift < _FEWEST_BITS:
        shift = 0
    for bits in _DEPTHS:
        white = (2**bits - 1) << shift
        if largest <= white <= type_maximum:
            return bits, shift, float(white)
    return type_maximum.bit_length() - shift, shift, float(type_maximum)


def _plain(largest: float, type_maximum: float) -> float | None:
    """White of float files, and of files that are black."""
    return type_maximum if largest <= _OVERSHOOT * type_maximum else None
