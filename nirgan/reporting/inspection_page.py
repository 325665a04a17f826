"""An inspection as one page of HTML: what was found, the copies, and the worst pairs, one laid over the other.

The file needs nothing else: pictures are in it, there is no script, and the page itself forbids any to run. All that
comes from file names is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nirgan.data.convert import from_unit
from nirgan.data.index import Data, Record
from nirgan.data.inspection.look import SIDES, Look, PairLook, comparable
from nirgan.data.inspection.problems import LARGEST_SHIFT_PX
from nirgan.data.inspection.report import facts
from nirgan.data.inspection.survey import Survey
from nirgan.data.pictures import Side, read_chosen
from nirgan.errors import NirganError
from nirgan.files import write_whole

_PAIRS = 12
_FILES = 100
"""Files of a kind of problem, and groups of copies, that are named."""
_GROUPS, _MEMBERS = 12, 6
"""Groups of copies that are shown, and pictures of each."""
_LONGEST, _THUMBNAIL = 384, 160
_SQUARES = 8
"""Squares of the checkerboard along the longer side."""
_WHITE_PERCENTILE = 99.5
_EDGES = (0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, float("inf"))
"""Of the histogram's bins, in pixels."""
_BAR_WIDTH, _BAR_HEIGHT = 44, 120
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem }
body { color: #222; background: #fff }
th { text-align: left; padding-right: 1rem; vertical-align: top; font-weight: 600 }
figure { margin: 2rem 0 } figcaption { margin-bottom: .5rem } .row { display: flex; flex-wrap: wrap; gap: 1rem }
img { display: block; width: 24rem; max-width: 100% } .copies img { width: auto } .blink { position: relative }
.blink img + img { position: absolute; top: 0; left: 0; animation: blink 1.2s step-end infinite }
.blink:hover img, .blink:focus img { animation-play-state: paused }
@keyframes blink { 0% { opacity: 1 } 50% { opacity: 0 } 100% { opacity: 1 } }
@media (prefers-reduced-motion: reduce) { .blink img + img { animation: none; opacity: .5 } }
svg text { font-size: 12px; text-anchor: middle; fill: #222 }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_page(path: Path, survey: Survey, result: Mapping[str, Any]) -> None:
    """Write the page of a survey and its report; the file appears whole or not at all.

    Reads the copies and the worst pairs again; one that cannot be read any more is left out.
    """
    shifts = [pair.shift_px for look in survey.looks if (pair := look.pair) and pair.shift_px is not None]
    body = [
        "<h1>Inspection</h1>",
        _facts(result),
        "<h2>Problems</h2>",
        *(_problem(result, problem) for problem in result["problems"]),
        *([] if result["problems"] else ["<p>None found.</p>"]),
        *_copies(result["copies"]),
        *_thumbnails(survey, result["copies"]),
        *(["<h2>Misalignment</h2>", _histogram(shifts)] if shifts else []),
        *_figures(survey),
    ]
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>Inspection</title><style>{_STYLE}</style></head>"
    )
    page = "\n".join([head, "<body>", *body, "</body></html>\n"])
    write_whole(path, page.encode(errors="backslashreplace"))  # file names need not be UTF-8


def worst_pairs(looks: Sequence[Look], most: int = _PAIRS) -> list[int]:
    """Numbers of the pairs to look at: the largest shifts first, then those whose shift could not be told."""
    pairs = {number: look.pair for number, look in enumerate(looks) if look.pair and look.pair.confidence is not None}

    def badness(number: int) -> tuple[float, float]:
        pair = pairs[number]
        return -1.0 if pair.shift_px is None else pair.shift_px, -(pair.confidence or 0.0)

    return sorted(pairs, key=badness, reverse=True)[:most]


def checkerboard(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Squares of two pictures (3, h, w) in turn, the source first."""
    height, width = source.shape[1:]
    side = max(4, max(height, width) // _SQUARES)
    odd = (np.arange(height)[:, None] // side + np.arange(width) // side) % 2
    return np.where(odd, target, source)


def _facts(result: Mapping[str, Any]) -> str:
    rows = (f"<tr><th>{escape(what)}</th><td>{escape(words)}</td></tr>" for what, words in facts(dict(result)))
    return f"<table>{''.join(rows)}</table>"


def _problem(result: Mapping[str, Any], problem: Mapping[str, Any]) -> str:
    advice = result["advice"].get(problem["kind"], "")
    words = f"{escape(problem['kind'])}: {problem['count']}" + (f" — {escape(advice)}" if advice else "")
    return f"<details><summary>{words}</summary>{_list(problem['files'])}</details>"


def _copies(copies: Mapping[str, Sequence[Sequence[str]]]) -> Iterator[str]:
    for kind, groups in copies.items():
        if groups:
            lines = _list([", ".join(group) for group in groups])
            yield f"<details><summary>{escape(kind)} copies in {len(groups)} groups</summary>{lines}</details>"


def _thumbnails(survey: Survey, copies: Mapping[str, Sequence[Sequence[str]]]) -> Iterator[str]:
    """The first groups of copies as pictures, those that lie in several splits before the others."""
    records = {record.key: record for record in survey.listing.records}
    groups = [[records[key] for key in group] for of_kind in copies.values() for group in of_kind]
    groups.sort(key=lambda group: len({record.split for record in group} - {""}) < 2)
    for group in groups[:_GROUPS]:
        shown = group[:_MEMBERS]
        captions = [f"{record.key} ({record.split})" if record.split else record.key for record in shown]
        captions += [f"… {len(group)} in all"] if len(group) > len(shown) else []
        pictures = "".join(_thumbnail(survey.data, record) for record in shown)
        yield f"<figure class='copies'><figcaption>{escape(', '.join(captions))}</figcaption>"
        yield f"<div class='row'>{pictures}</div></figure>"


def _thumbnail(data: Data, record: Record) -> str:
    try:
        return _image(_shown(data, record, "target" if record.has_target else "source", _THUMBNAIL))
    except NirganError:  # it could be read a moment ago
        return ""


def _list(lines: Sequence[str]) -> str:
    more = f"<li>… and {len(lines) - _FILES} more, all with --json</li>" if len(lines) > _FILES else ""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines[:_FILES])}{more}</ul>"


def _histogram(shifts: Sequence[float]) -> str:
    counts = np.histogram(shifts, _EDGES)[0].tolist()
    bars = []
    for place, (count, (low, high)) in enumerate(zip(counts, pairwise(_EDGES), strict=True)):
        height, left = round(_BAR_HEIGHT * count / max(counts)), place * _BAR_WIDTH
        colour, end = ("#c33" if low >= LARGEST_SHIFT_PX else "#37a"), "" if high == float("inf") else f"{high:g}"
        bars.append(
            f'<rect x="{left + 4}" y="{20 + _BAR_HEIGHT - height}" width="{_BAR_WIDTH - 8}" height="{height}" '
            f'fill="{colour}"/><text x="{left + _BAR_WIDTH // 2}" y="{15 + _BAR_HEIGHT - height}">{count or ""}</text>'
            f'<text x="{left + _BAR_WIDTH // 2}" y="{36 + _BAR_HEIGHT}">{low:g}–{end}</text>'
        )
    size = f'width="{_BAR_WIDTH * len(bars)}" height="{_BAR_HEIGHT + 44}"'
    title = "Pairs by shift in pixels"
    return f'<svg role="img" aria-label="{title}" {size}>{"".join(bars)}</svg><p>{title}.</p>'


def _figures(survey: Survey) -> Iterator[str]:
    numbers = worst_pairs(survey.looks)
    if numbers:
        yield "<h2>The worst pairs</h2><p>Squares of both in turn; and the source blinking over the target.</p>"
    for number in numbers:
        record, pair = survey.listing.records[number], survey.looks[number].pair
        assert pair is not None
        try:
            source, target = (_shown(survey.data, record, side) for side in SIDES)
        except NirganError:
            continue
        board, below, above = map(_image, (checkerboard(source, target), target, source))
        yield (
            f"<figure><figcaption>{escape(record.key)}: {_caption(pair)}</figcaption><div class='row'>{board}"
            f"<div class='blink' tabindex='0'>{below}{above}</div></div></figure>"
        )


def _caption(pair: PairLook) -> str:
    told = f"{pair.x:+.1f} px across, {pair.y:+.1f} px down, confidence {pair.confidence:.2f}"
    return told if pair.shift_px is not None else f"shift not told with confidence ({pair.confidence:.2f})"


def _shown(data: Data, record: Record, side: Side, longest: int = _LONGEST) -> np.ndarray:
    """One side (3, h, w) in [0, 1], small and as bright as a picture should be."""
    unit = comparable(read_chosen(data, record, side).pixels, longest)
    if side == "source" or unit.shape[0] != 3:
        unit = np.repeat(unit.mean(axis=0, keepdims=True), 3, axis=0)
    white = max(float(np.percentile(unit, _WHITE_PERCENTILE)), 1e-6)
    return np.clip(unit / white, 0, 1)


def _image(picture: np.ndarray) -> str:
    done, encoded = cv2.imencode(".jpg", from_unit(picture, 8)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}">'
