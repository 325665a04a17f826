"""What is wrong with a set, by what was seen in its pictures, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nirgan.data.index import Problem, Record
from nirgan.data.inspect import DIFFERENT_SIZES, MISSING_PARTNER, SCENE_LEAK, UNREADABLE
from nirgan.data.inspection.copies import Copies, Group
from nirgan.data.inspection.full_scale import FullScale, group_of
from nirgan.data.inspection.look import Look, PairLook, SideLook
from nirgan.data.inspection.mixture import LARGEST_RESIDUAL, LEAST_FIT
from nirgan.data.pictures import Side
from nirgan.data.sample import Pairing

LARGEST_SHIFT_PX = 2.0
"""Registered pairs that are off by more count as misaligned; sets whose registration was checked keep below."""
LARGEST_SATURATED = 0.05
"""Share of a picture's pixels at the largest value of its side."""
COPY_LEAK = "copies in several splits"
CHANNELS, NO_COLOUR, GREY = "different channels", "no colour", "grey as NIR"
MISALIGNED, UNCLEAR = "misaligned", "alignment unclear"
FULL_SCALE, EXACT, NEAR, SATURATED, BLANK = "full scale", "exact duplicates", "near duplicates", "saturated", "blank"

_ADVICE = {
    UNREADABLE: "copy these files again, or leave them out",
    SCENE_LEAK: "scores would be too high: `nirgan data split` keeps scenes together",
    COPY_LEAK: "scores would be too high: keep each group in one split, as `nirgan data split` does",
    MISSING_PARTNER: "rename them, or train with --pairing unpaired",
    DIFFERENT_SIZES: "crop them alike, align them (`nirgan data align`), or train with --pairing unregistered",
    CHANNELS: "three that are no one grey picture: say which is near-infrared, --band 1, 2 or 3",
    NO_COLOUR: "a target has to be RGB, and with colours: leave these out",
    GREY: "sources made of their targets' colours hold nothing of near-infrared: the task gray2rgb is for such pairs",
    MISALIGNED: f"off by more than {LARGEST_SHIFT_PX:g} px: `nirgan data align` registers them, or train with "
    "--pairing unregistered",
    UNCLEAR: "turned, scaled, of two scenes or without detail: look at them (--out DIR); `nirgan data align` tells "
    "which of them it can register",
    FULL_SCALE: "",
    EXACT: "leave out all but one of each group, or keep each group in one split",
    NEAR: "keep each group in one split",
    SATURATED: f"burnt out in more than {LARGEST_SATURATED:.0%} of their pixels, where there is nothing to learn",
    BLANK: "of one colour: leave them out",
}
"""What to do about each kind of problem, the worst first; what is said of a full scale depends on it."""
_ORDER = {kind: place for place, kind in enumerate(_ADVICE)}

Scales = dict[Side, dict[tuple[str, float], FullScale]]
"""By side, type of the stored numbers and maximum of the files' type."""


def problems_of(
    records: Sequence[Record], looks: Sequence[Look], named: Sequence[Problem], copies: Copies, scales: Scales
) -> list[Problem]:
    """Everything that is wrong, the worst first; ``named`` is what names have told."""
    files: dict[str, dict[str, None]] = {}  # sets that keep their order
    for record, look in zip(records, looks, strict=True):
        for side in look.failed:
            files.setdefault(UNREADABLE, {})[str(_file_of(record, side))] = None
        for kind, path in _kinds(record, look, scales):
            files.setdefault(kind, {})[str(path)] = None
    for kind, found in ((COPY_LEAK, copies.leaking(records)), (EXACT, copies.exact), (NEAR, copies.near)):
        for number in _members(found):
            files.setdefault(kind, {})[str(records[number].path)] = None
    problems = [*named, *(Problem.of(kind, list(paths)) for kind, paths in files.items())]
    return sorted(problems, key=lambda problem: _ORDER.get(problem.kind, _ORDER[MISSING_PARTNER]))


def advice_on(problems: Iterable[Problem], scales: Scales) -> dict[str, str]:
    """What to do, by kind of problem; nothing for kinds that say it themselves."""
    advice = {problem.kind: _ADVICE[problem.kind] for problem in problems if problem.kind in _ADVICE}
    if FULL_SCALE in advice:
        every = [(side, scale) for side, of_side in scales.items() for scale in of_side.values()]
        wrong = [f"{side}: {_scale_in_words(scale)}" for side, scale in every if scale.to_say or scale.exceeded]
        advice[FULL_SCALE] = "; ".join(wrong)
    return advice


def saturated_share(look: SideLook, scales: dict[tuple[str, float], FullScale]) -> float:
    """Share of a picture's pixels at the largest value that any picture of its side has; none of a blank one's.

    Light beyond what a sensor can tell piles up there, wherever the full scale lies.
    """
    return look.at_largest if look.largest == scales[group_of(look)].largest and not look.blank else 0.0


def _kinds(record: Record, look: Look, scales: Scales) -> Iterator[tuple[str, Path]]:
    """Kinds of problems that one record has, and the file to look at: of a side that side's, of the pair its source."""
    for side, seen in look.sides():
        path = _file_of(record, side)
        yield from ((kind, path) for kind in _kinds_of_side(seen, scales[side]))
        if side == "source" and seen.channels_differ:
            yield CHANNELS, path
        if side == "target" and not seen.channels_differ and not seen.blank:
            yield NO_COLOUR, path
    yield from ((kind, record.path) for kind in _kinds_of_pair(record, look))


def _kinds_of_pair(record: Record, look: Look) -> Iterator[str]:
    registered = record.pairing == Pairing.REGISTERED
    if registered and look.pair is None and len(look.sides()) == 2:
        yield DIFFERENT_SIZES
    if look.pair and _is_mixture(look.pair):
        yield GREY
    if look.pair and registered and look.pair.confidence is not None:
        if look.pair.shift_px is None:
            yield UNCLEAR
        elif look.pair.shift_px > LARGEST_SHIFT_PX:
            yield MISALIGNED


def _kinds_of_side(seen: SideLook, scales: dict[tuple[str, float], FullScale]) -> Iterator[str]:
    scale = scales[group_of(seen)]
    if (scale.to_say and seen.declared is None) or (scale.given is not None and seen.largest > scale.given):
        yield FULL_SCALE
    if saturated_share(seen, scales) > LARGEST_SATURATED:
        yield SATURATED
    if seen.blank:
        yield BLANK


def _is_mixture(pair: PairLook) -> bool:
    if pair.fit is None or pair.residual is None:
        return False
    return pair.fit >= LEAST_FIT and pair.residual <= LARGEST_RESIDUAL


def _file_of(record: Record, side: Side) -> Path:
    return (record.source if side == "source" else record.target) or record.path


def _members(groups: Iterable[Group]) -> Iterator[int]:
    return (number for group in groups for number in group)


def _scale_in_words(scale: FullScale) -> str:
    if scale.given is not None:
        return f"{scale.type} values go up to {scale.largest:g}: those above {scale.given:g} are cut"
    if scale.white is None:
        return f"{scale.type} values go up to {scale.largest:g}: say which one is white with --full-scale"
    shifted = f", multiples of {2**scale.shift}" if scale.shift else ""
    if scale.reached:
        return (
            f"{scale.type} values end at {scale.largest:g}{shifted} ({scale.bits} bits): --full-scale {scale.white:g}"
        )
    return (
        f"{scale.type} values go up to {scale.largest:g}{shifted}: if the sensor has {scale.bits} bits, "
        f"--full-scale {scale.white:g}"
    )
