"""The alignment of one pair, from two pictures to a matrix with a confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nirgan.registration.coarse import search
from nirgan.registration.confidence import Evidence, judge
from nirgan.registration.ecc import Model, refine
from nirgan.registration.edges import Array, grey_of
from nirgan.registration.field import Field
from nirgan.registration.level import Level, scaling
from nirgan.registration.tiles import Tiles

_COARSE_SIZE, _FINE_SIZE, _SMALL_SIZE = 160, 850, 300
"""Roots of numbers of pixels: of the search, of the last level, and from which on there is none below."""
_DIFFERENT_RATIOS = 0.06
_AS_GOOD = 0.9
"""Share of the edge correlation that the tiles' correction has to keep."""


@dataclass(frozen=True)
class Alignment:
    """Where a source lies on its target.

    Attributes:
        matrix: 3×3 between whole pixels: what the target shows at pixel (x, y), the source shows at
            ``matrix @ (x, y, 1)``, divided by its third number. Pixel centres have whole coordinates.
        confidence: 0 to 1; below 0.5 it is not to be believed.
        weakness: What speaks most against it, in words.
        doubt: How far the worst corner may be off, in pixels of the target; infinite if the picture does not tell.
        residual: Root mean square distance by which those parts of the picture that agree are still off, in the same.
        correlation_before: Of gradient magnitudes, of the pictures as they are (brought to one size).
        correlation_after: The same after the alignment, where both show something.
        level: The reduced pair it was measured on, for a dense refinement.
    """

    matrix: Array
    confidence: float
    weakness: str
    doubt: float
    residual: float
    correlation_before: float
    correlation_after: float
    level: Level


@dataclass(frozen=True)
class _Guess:
    """A matrix between whole pixels, found for a ratio of sizes."""

    matrix: Array
    ratio: float
    height: float


def align(source: Array, target: Array, model: Model = "affine") -> Alignment:
    """Find where a source lies on its target; always an answer, which ``confidence`` may say not to believe.

    Args:
        source: (C,H,W) float32 in [0,1].
        target: (3,K,L) float32 in [0,1], of any size.
        model: The most freedoms that the matrix may have.
    """
    grey_source, grey_target = grey_of(source), grey_of(target)
    smallest, *larger = _sizes(grey_target)
    guess, level = _first_level(grey_source, grey_target, model, smallest)
    matrix = guess.matrix
    for size in larger:
        level = Level.of(grey_source, grey_target, size=size, ratio=guess.ratio)
        matrix = level.whole(refine(level, level.reduced(matrix), model, whole_ladder=False))
    settled = _settled(level, level.reduced(matrix), model)
    return _described(settled, level, grey_source.shape, grey_target.shape)


def _sizes(target: Array) -> list[float]:
    """Of the levels, from small to large; each is twice the one before."""
    sizes = [min(float(_FINE_SIZE), math.sqrt(target.size))]
    while sizes[0] > _SMALL_SIZE:
        sizes.insert(0, sizes[0] / 2)
    return sizes


def _ratios(source: tuple[int, ...], target: tuple[int, ...]) -> list[float]:
    """Source pixels per target pixel, as the sizes leave it open: the same width, height or size of pixels."""
    kept: list[float] = []
    for ratio in (source[1] / target[1], source[0] / target[0], 1.0):
        if all(abs(math.log(ratio / other)) > _DIFFERENT_RATIOS for other in kept):
            kept.append(ratio)
    return kept


def _guesses(source: Array, target: Array, model: Model) -> list[_Guess]:
    found = []
    for ratio in _ratios(source.shape, target.shape):
        level = Level.of(source, target, size=_COARSE_SIZE, ratio=ratio)
        found += [
            _Guess(level.whole(candidate.matrix), ratio, candidate.height)
            for candidate in search(level, shift_only=model == "translation")
        ]
    return sorted(found, key=lambda guess: -guess.height)[:3]


def _first_level(source: Array, target: Array, model: Model, size: float) -> tuple[_Guess, Level]:
    """Refine every guess on the smallest level and take the one whose edges agree best, with its level."""
    refined = []
    for guess in _guesses(source, target, model):
        level = Level.of(source, target, size=size, ratio=guess.ratio)
        matrix = refine(level, level.reduced(guess.matrix), model, whole_ladder=True)
        refined.append((_Guess(level.whole(matrix), guess.ratio, level.edge_correlation(matrix)), level))
    return max(refined, key=lambda entry: entry[0].height)


@dataclass(frozen=True)
class _Weighed:
    """A matrix between reduced pixels, with what speaks for it."""

    matrix: Array
    evidence: Evidence
    agreeing: Tiles
    correlation: float

    @classmethod
    def at(cls, level: Level, matrix: Array, model: Model) -> _Weighed:
        evidence, tiles = judge(level, matrix, model)
        return cls(matrix, evidence, tiles.agreeing, level.edge_correlation(matrix))

    def beats(self, other: _Weighed) -> bool:
        """Whether its corners are less in doubt, and edges agree about as well."""
        return self.correlation >= _AS_GOOD * other.correlation and self.evidence.doubt < other.evidence.doubt


def _settled(level: Level, matrix: Array, model: Model) -> _Weighed:
    """The matrix, corrected by what its tiles say: right where they are, elsewhere no more stretched than they ask for.

    Once: further corrections change it, but do not make it better.
    """
    found = _Weighed.at(level, matrix, model)
    corrected = _corrected(level, found, model)
    return corrected if corrected is not None and corrected.beats(found) else found


def _corrected(level: Level, found: _Weighed, model: Model) -> _Weighed | None:
    """The matrix after the field that its tiles are still off by; None if they do not determine one."""
    tiles = found.agreeing
    field = Field.fitted(tiles.centres, tiles.shifts, model, level.target.shape, found.matrix)
    return None if field is None else _Weighed.at(level, found.matrix @ field.matrix(), model)


def _described(
    settled: _Weighed, level: Level, source_shape: tuple[int, ...], target_shape: tuple[int, ...]
) -> Alignment:
    untouched = scaling(source_shape[1] / target_shape[1], source_shape[0] / target_shape[0])
    return Alignment(
        matrix=level.whole(settled.matrix),
        confidence=settled.evidence.confidence,
        weakness=settled.evidence.weakness,
        doubt=settled.evidence.doubt,
        residual=settled.evidence.residual,
        correlation_before=level.gradient_correlation(level.reduced(untouched)),
        correlation_after=level.gradient_correlation(settled.matrix),
        level=level,
    )
