"""A survey in numbers, for scripts, and in lines, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from statistics import fmean, median
from typing import Any

import numpy as np

from nirgan.data.bands import in_words
from nirgan.data.files import Picture
from nirgan.data.index import Data, Record
from nirgan.data.inspect import summary
from nirgan.data.inspection.copies import Group, find_copies
from nirgan.data.inspection.full_scale import FullScale, full_scales
from nirgan.data.inspection.look import SIDES, Look, SideLook
from nirgan.data.inspection.problems import Scales, advice_on, problems_of, saturated_share
from nirgan.data.inspection.survey import Survey
from nirgan.data.pictures import Side, given_scale

_SIZES = 20
"""Sizes that are listed, the most frequent first."""


def report(survey: Survey) -> dict[str, Any]:
    """What ``nirgan.data.inspect.inspect`` says, and what the pictures tell.

    Returns:
        ``layout``, ``pairing``, ``count``, ``problems`` as there; ``wavelength``: the band that is stated of all
        sources; ``advice`` by kind of problem; ``sides``: of source and target count, sizes, full scales and the mean
        share of saturated pixels; ``alignment``: of how many pairs the shift was measured, how many of these can be
        believed, median, 95th percentile and largest in pixels; ``correlation``: median of the sources with their
        targets' luma; ``copies``: groups of keys, ``exact`` and ``near``; ``failed``: why files cannot be read;
        ``pairs``: of each key the shift and what else was measured.
    """
    records, looks = survey.listing.records, survey.looks
    scales: Scales = {side: full_scales(_seen(looks, side), partial(_given, survey.data, side)) for side in SIDES}
    copies = find_copies(looks)
    problems = problems_of(records, looks, survey.listing.problems, copies, scales)
    correlations = [look.pair.correlation for look in looks if look.pair and look.pair.correlation is not None]
    return {
        **summary(survey.listing, problems),
        "wavelength": survey.listing.band,
        "advice": advice_on(problems, scales),
        "sides": {side: _side(_seen(looks, side), scales[side]) for side in SIDES},
        "alignment": _alignment(looks),
        "correlation": median(correlations) if correlations else None,
        "copies": {"exact": _keys(records, copies.exact), "near": _keys(records, copies.near)},
        "failed": list(dict.fromkeys(words for look in looks for words in look.failed.values())),
        "pairs": [
            {"key": record.key, **asdict(look.pair)} for record, look in zip(records, looks, strict=True) if look.pair
        ],
    }


def facts(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of a report above its problems: what, and words."""
    lines = [("layout", result["layout"]), ("pairing", result["pairing"]), ("count", str(result["count"]))]
    if result.get("wavelength"):
        lines.append(("band", in_words(result["wavelength"])))
    lines += [(side, _side_in_words(of)) for side, of in result.get("sides", {}).items() if of["count"]]
    if alignment := result.get("alignment"):
        lines.append(("shift", _alignment_in_words(alignment)))
    if result.get("correlation") is not None:
        lines.append(("NIR", f"correlation with the target's luma {result['correlation']:.2f} (median)"))
    return lines


def _given(data: Data, side: Side, type: str, type_maximum: float) -> float | None:
    """The user's full scale, as far as it is said of a side's files of this type."""
    return given_scale(data, side, Picture(np.empty((0, 0, 1), type), type_maximum=type_maximum))


def _seen(looks: Sequence[Look], side: str) -> list[SideLook]:
    return [seen for look in looks for name, seen in look.sides() if name == side]


def _side(seen: Sequence[SideLook], scales: dict[tuple[str, float], FullScale]) -> dict[str, Any]:
    if not seen:
        return {"count": 0}
    sizes = Counter((look.width, look.height) for look in seen)
    by_pixels = sorted(sizes, key=lambda size: size[0] * size[1])
    return {
        "count": len(seen),
        "sizes": [{"width": w, "height": h, "count": count} for (w, h), count in sizes.most_common(_SIZES)],
        "smallest": list(by_pixels[0]),
        "largest": list(by_pixels[-1]),
        "full_scales": [{**asdict(scale), "reached": scale.reached} for scale in scales.values()],
        "saturated": fmean(saturated_share(look, scales) for look in seen),
    }


def _alignment(looks: Sequence[Look]) -> dict[str, Any] | None:
    measured = [look.pair for look in looks if look.pair and look.pair.confidence is not None]
    if not measured:
        return None
    shifts = [pair.shift_px for pair in measured if pair.shift_px is not None]
    return {
        "measured": len(measured),
        "believed": len(shifts),
        "median_px": median(shifts) if shifts else None,
        "percentile_95_px": float(np.percentile(shifts, 95)) if shifts else None,
        "largest_px": max(shifts, default=None),
    }


def _keys(records: Sequence[Record], groups: Sequence[Group]) -> list[list[str]]:
    return [[records[number].key for number in group] for group in groups]


def _side_in_words(of: dict[str, Any]) -> str:
    most = of["sizes"][0]
    sizes = f"{most['width']}×{most['height']}"
    if most["count"] < of["count"]:
        small, large = ("×".join(map(str, of[end])) for end in ("smallest", "largest"))
        sizes = f"{small} to {large}, most often {sizes} ({most['count']})"
    scales = ", ".join(map(_scale_in_words, of["full_scales"]))
    burnt = f"; {of['saturated']:.1%} of pixels at the largest value" if of["saturated"] >= 0.001 else ""
    return f"{of['count']} pictures, {sizes}; {scales}{burnt}"


def _scale_in_words(scale: dict[str, Any]) -> str:
    bits = f" holding {scale['bits']} bits" if scale["bits"] and f"uint{scale['bits']}" != scale["type"] else ""
    shifted = f" × {2 ** scale['shift']}" if scale["shift"] else ""
    declared = f", full scale declared in {scale['declared']}" if scale["declared"] else ""
    given = "" if scale["given"] is None else f", full scale {scale['given']:g} as given"
    return f"{scale['type']}{bits}{shifted} (largest value {scale['largest']:g}{declared}{given})"


def _alignment_in_words(alignment: dict[str, Any]) -> str:
    told = f"told with confidence in {alignment['believed']} of {alignment['measured']} pairs"
    if not alignment["believed"]:
        return told
    median_px, most_px, largest_px = (alignment[key] for key in ("median_px", "percentile_95_px", "largest_px"))
    return f"median {median_px:.1f} px, 95 % within {most_px:.1f} px, largest {largest_px:.1f} px; {told}"
