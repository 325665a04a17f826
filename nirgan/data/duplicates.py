"""Copies among pictures: of the same pixels, and of nearly the same.

Nearly the same are pictures that were saved, resized or exposed anew, crops that share half of their width, and the
square crops that data sets are made of: at either end or in the middle of a picture, over its whole shorter side. They
are found by a perceptual hash of the whole picture and of each of these parts, each compared with each:

- The hash is that of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2:
  a 32×32 grey version, its DCT, the 8×8 coefficients from (1, 1) to (8, 8), one bit each: above their median or not.
  Here the small version is made of area averages, which need no blur before. The lowest row and column are left out,
  and with them what landscapes have in common: a bright sky above dark ground.
- Few different bits are not enough. A second hash has to agree, which sees the picture differently: on a 9×8 version,
  whether each value is larger than its left neighbour (Krawetz, "Kind of like that", 2013). Changes of exposure and of
  tone keep that order.
- Of a picture without detail (a clear sky, a black frame) both would be hashes of noise. It has none, and is near to
  nothing.

Smaller crops, other photographs of one place, mirrored and turned pictures are not found. In 357 real pairs of 169
scenes (photographs and 256×256 crops of them) 434 times two pairs show one scene. Of the 106 times that these are a
photograph and its crop, 27 are found, nearly all of those whose crop is such a square; of the 315 that are two crops,
66; of the 13 that are two photographs of one place, none. Of 63,112 times that they show different scenes, none is
taken for one. Top and bottom halves would find three more, and with them pictures would look alike four times as often
that only share where the sky ends.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np

from nirgan.data.shrink import own_white, shrink

Key = TypeVar("Key")
Array = np.ndarray[Any, Any]

NEAR = 6
"""Bits of 64 in which the perceptual hashes of near duplicates differ at most; of other pictures about half do."""
_CHECKED = 16
"""Bits of 64 in which the second hashes differ at most. It is less steady: where a picture is smooth, noise decides."""
_FAINT = 2.0
"""Median size of the DCT coefficients (orthonormal, of levels 0 to 255) below which a picture has no detail: waves of
an eighth of a level, no more than rounding and JPEG leave behind."""
_SMALL = 256
_BITS = 64
_ONES = np.unpackbits(np.arange(2**16, dtype=np.uint16).view(np.uint8).reshape(-1, 2), axis=1).sum(
    axis=1, dtype=np.uint8
)
"""Number of ones in each 16-bit number."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells copies of a picture.

    Attributes:
        exact: Hash of size, type and pixels, 32 hex digits; empty for a picture of one colour, which equals others
            without being their copy.
        phash: Perceptual hash, 64 bits, of the whole, of its left and its right half, and of the squares in what is not
            square: at both ends and in the middle; 0 where there is no detail.
        dhash: The second hash of the same.
    """

    exact: str
    phash: tuple[int, ...]
    dhash: tuple[int, ...]


def fingerprint_of(pixels: Array) -> Fingerprint:
    """Fingerprint of a decoded picture (H, W, C) uint8, uint16 or float32; its channels count as one grey."""
    grey = shrink(pixels, _SMALL).astype(np.float32).mean(axis=2) * np.float32(255 / own_white(pixels))
    phash, dhash = zip(*map(_hashes, _parts(grey)), strict=True)
    return Fingerprint(_exact(pixels), phash, dhash)


def same_pixels(fingerprints: Mapping[Key, Fingerprint]) -> list[list[Key]]:
    """Groups, of two or more, whose decoded pixels are equal; in the order of the first of each."""
    by_hash: dict[str, list[Key]] = {}
    for key, fingerprint in fingerprints.items():
        if fingerprint.exact:
            by_hash.setdefault(fingerprint.exact, []).append(key)
    return [keys for keys in by_hash.values() if len(keys) > 1]


def groups(fingerprints: Mapping[Key, Fingerprint], distance: int = NEAR) -> list[list[Key]]:
    """Groups, of two or more, of copies: whoever is a copy of one in a group belongs to it.

    Hashes that differ in ``distance`` bits at most, cut into ``distance + 2`` bands, are equal in two bands at least.
    So only hashes that share two bands are compared: of 300,000, about one pair in 2,000.

    Args:
        fingerprints: By whatever names the pictures.
        distance: Bits in which perceptual hashes may differ, 0 to 62.

    Returns:
        Groups in the order of the first of each, their members in the order given.
    """
    keys = list(fingerprints)
    numbers = {key: number for number, key in enumerate(keys)}
    sets = _Sets(len(keys))
    same = [(numbers[exact[0]], numbers[key]) for exact in same_pixels(fingerprints) for key in exact[1:]]
    sets.join([first for first, _ in same], [other for _, other in same])
    owner, phash, dhash = _distinct_parts(list(fingerprints.values()), sets)
    bands = [sum(1 << int(bit) for bit in share) for share in np.array_split(np.arange(_BITS), distance + 2)]
    for one, other in itertools.combinations(bands, 2):
        band = phash & np.uint64(one | other)
        order = np.argsort(band, kind="stable")
        _join_near(sets, band[order], owner[order], phash[order], dhash[order], distance)
    return [[keys[number] for number in members] for members in sets.members()]


class _Sets:
    """Which of ``count`` numbers belong together.

    Attributes:
        root: (count) the smallest number of each one's set.
    """

    def __init__(self, count: int) -> None:
        self.root = np.arange(count)

    def join(self, ones: Array | Sequence[int], others: Array | Sequence[int]) -> None:
        """Unite the sets of the first of both, of the second of both, and so on."""
        ones, others = np.asarray(ones, dtype=np.int64), np.asarray(others, dtype=np.int64)
        apart = self.root[ones] != self.root[others]
        for one, other in zip(ones[apart].tolist(), others[apart].tolist(), strict=True):
            low, high = sorted((self._top(one), self._top(other)))
            self.root[high] = low
        while apart.any() and (self.root != (above := self.root[self.root])).any():
            self.root = above

    def members(self) -> list[list[int]]:
        """The sets of two or more, in the order of their first."""
        found: dict[int, list[int]] = {}
        for number, root in enumerate(self.root.tolist()):
            found.setdefault(root, []).append(number)
        return [numbers for numbers in found.values() if len(numbers) > 1]

    def _top(self, number: int) -> int:
        while (above := int(self.root[number])) != number:
            number = above
        return number


def _distinct_parts(fingerprints: Sequence[Fingerprint], sets: _Sets) -> tuple[Array, Array, Array]:
    """Owner and both hashes of every part that has detail, equal ones once; the owners of equal ones are joined."""
    owners: dict[tuple[int, int], int] = {}
    ones, others = [], []
    for number, fingerprint in enumerate(fingerprints):
        for part in zip(fingerprint.phash, fingerprint.dhash, strict=True):
            if part[0]:
                ones.append(owners.setdefault(part, number))
                others.append(number)
    sets.join(ones, others)
    phash, dhash = (np.array([part[which] for part in owners], dtype=np.uint64) for which in (0, 1))
    return np.array(list(owners.values()), dtype=np.int64), phash, dhash


def _join_near(sets: _Sets, band: Array, owner: Array, phash: Array, dhash: Array, distance: int) -> None:
    """Join the owners of near hashes among those of one ``band``; all are in the order of ``band``.

    Each hash is compared with the next, then with the next but one, as long as they share the band. Bands whose owners
    have all been joined are dropped now and then: else long series of almost equal pictures would cost their square.
    """
    starts = np.flatnonzero(np.diff(band, prepend=~band[:1]))  # the first always begins one
    first, step = np.arange(len(band)), 0
    while first.size:
        if step & (step - 1) == 0:  # 0 and powers of two
            roots = sets.root[owner]
            mixed = np.minimum.reduceat(roots, starts) != np.maximum.reduceat(roots, starts)
            first = first[mixed[np.searchsorted(starts, first, side="right") - 1]]
        step += 1
        first = first[first + step < len(band)]
        first = first[band[first] == band[first + step]]
        near = _differing(phash, first, step) <= distance
        near[near] = _differing(dhash, first[near], step) <= _CHECKED
        sets.join(owner[first[near]], owner[first[near] + step])


def _differing(hashes: Array, first: Array, step: int) -> Array:
    """Number of bits in which each hash differs from that ``step`` places behind it."""
    different = hashes[first] ^ hashes[first + step]
    return _ONES[different.view(np.uint16).reshape(-1, _BITS // 16)].sum(axis=1)


def _exact(pixels: Array) -> str:
    if (pixels == pixels[0, 0]).all():
        return ""
    digest = hashlib.blake2b(f"{pixels.shape} {pixels.dtype}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).tobytes())
    return digest.hexdigest()


def _parts(grey: Array) -> list[Array]:
    """What of a picture (h, w) is hashed: the whole, its halves, and its squares if it is none itself."""
    height, width = grey.shape
    parts = [grey, grey[:, : (width + 1) // 2], grey[:, width // 2 :]]
    if height != width:
        side, rest = min(height, width), abs(height - width)
        along = [slice(first, first + side) for first in (0, rest, rest // 2)]
        parts += [grey[:, across] if width > height else grey[across] for across in along]
    return parts


def _hashes(grey: Array) -> tuple[int, int]:
    square = cv2.resize(np.ascontiguousarray(grey), (32, 32), interpolation=cv2.INTER_AREA)
    waves = cv2.dct(square)[1:9, 1:9]
    if np.median(np.abs(waves)) < _FAINT:
        return 0, 0
    rows = cv2.resize(square, (9, 8), interpolation=cv2.INTER_AREA)
    return _packed(waves > np.median(waves)), _packed(np.diff(rows, axis=1) > 0)


def _packed(bits: Array) -> int:
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
