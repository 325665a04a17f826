"""Copies of pictures: what is found, what is left apart, and that the quick search finds what a slow one would."""

from __future__ import annotations

import csv
import random
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
import scipy.fft

from nirgan.data.duplicates import Fingerprint, fingerprint_of, groups, same_pixels
from nirgan.data.files import read_picture


def photo(seed: int, height: int = 128, width: int = 256) -> np.ndarray:
    """A picture with soft detail everywhere, RGB."""
    coarse = np.random.default_rng(seed).normal(size=(height // 16, width // 16, 3)).astype(np.float32)
    wide = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(128 + 40 * wide, 0, 255).astype(np.uint8)


def flipped(number: int, bits: int, dice: random.Random) -> int:
    for bit in dice.sample(range(64), bits):
        number ^= 1 << bit
    return number


def of_hashes(phash: int, dhash: int = 0) -> Fingerprint:
    return Fingerprint("", (phash, 0, 0), (dhash, 0, 0))


def slow_groups(prints: Mapping[int, Fingerprint], distance: int) -> list[list[int]]:
    """Every pair of parts compared, joined until nothing changes."""

    def near(one: Fingerprint, other: Fingerprint) -> bool:
        return any(
            p and q and (p ^ q).bit_count() <= distance and (d ^ e).bit_count() <= 16
            for p, d in zip(one.phash, one.dhash, strict=True)
            for q, e in zip(other.phash, other.dhash, strict=True)
        )

    found = {key: {key} for key in prints}
    for one, other in combinations(prints, 2):
        if near(prints[one], prints[other]) and found[one] is not found[other]:
            found[one] |= found[other]
            for key in found[one]:
                found[key] = found[one]
    return [list(group) for group in dict.fromkeys(tuple(sorted(group)) for group in found.values()) if len(group) > 1]


@pytest.mark.parametrize("distance", [0, 1, 6, 10])
def test_the_search_finds_what_a_slow_one_finds(distance: int) -> None:
    dice = random.Random(distance)
    prints: dict[int, Fingerprint] = {}
    for _ in range(60):
        base, second = dice.getrandbits(64) | 1, dice.getrandbits(64)
        for _ in range(dice.randint(1, 5)):
            parts = [
                (flipped(base, dice.randint(0, 12), dice), flipped(second, dice.randint(0, 20), dice)),
                (dice.getrandbits(64) | 1, dice.getrandbits(64)),
                (0, 0),
            ]
            dice.shuffle(parts)
            prints[len(prints)] = Fingerprint("", tuple(p for p, _ in parts), tuple(d for _, d in parts))
    found = groups(prints, distance)
    assert found == slow_groups(prints, distance)
    assert found or distance < 6


@pytest.mark.parametrize(("first", "second", "near"), [(6, 16, True), (7, 0, False), (0, 17, False)])
def test_both_hashes_have_to_agree(first: int, second: int, near: bool) -> None:
    dice = random.Random(0)
    phash, dhash = dice.getrandbits(64), dice.getrandbits(64)
    other = of_hashes(flipped(phash, first, dice), flipped(dhash, second, dice))
    assert groups({"one": of_hashes(phash, dhash), "other": other}) == ([["one", "other"]] if near else [])


def test_a_chain_is_one_group() -> None:
    chain = {str(link): of_hashes((1 << 5 * link) - 1 | 1 << 63) for link in range(12)}
    assert groups(chain, distance=5) == [list(chain)]
    assert groups(chain, distance=4) == []


def test_a_long_series_of_almost_equal_pictures_is_one_group() -> None:
    dice = random.Random(3)
    base = dice.getrandbits(64)
    series = {number: of_hashes(flipped(base, dice.randint(0, 3), dice)) for number in range(20_000)}
    assert groups(series) == [list(series)]


@pytest.mark.slow
def test_a_hundred_thousand_pictures() -> None:
    numbers = np.random.default_rng(0).integers(1, 2**63, (100_000, 2, 6), dtype=np.uint64).tolist()
    prints = {number: Fingerprint(str(number), tuple(p), tuple(d)) for number, (p, d) in enumerate(numbers)}
    prints[77] = prints[4]
    assert groups(prints) == [[4, 77]]


def test_the_hash_is_the_published_one() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32, 1), dtype=np.uint8)
    waves = scipy.fft.dctn(pixels[..., 0].astype(np.float64), norm="ortho")[1:9, 1:9].ravel()
    expected = int("".join("1" if wave > np.median(waves) else "0" for wave in waves), 2)
    assert fingerprint_of(pixels).phash[0] == expected


def test_the_second_hash_tells_rising_from_falling() -> None:
    detail = np.random.default_rng(2).integers(0, 21, (32, 32, 1))
    rising = (4 * np.arange(32)[None, :, None] + detail).astype(np.uint8)
    assert fingerprint_of(rising).dhash[0] == 2**64 - 1
    assert fingerprint_of(rising[:, ::-1]).dhash[0] == 0


def test_copies_that_were_saved_resized_and_exposed_anew_are_near() -> None:
    original = photo(0)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], cv2.IMREAD_UNCHANGED)
    prints = {
        "original": fingerprint_of(original),
        "jpeg": fingerprint_of(jpeg),
        "small": fingerprint_of(cv2.resize(original, (154, 77), interpolation=cv2.INTER_AREA)),
        "dark": fingerprint_of((original * 0.7).astype(np.uint8)),
        "16 bits": fingerprint_of(original.astype(np.uint16) * 16),
        "another": fingerprint_of(photo(1)),
    }
    assert groups(prints) == [["original", "jpeg", "small", "dark", "16 bits"]]
    assert same_pixels(prints) == []


def test_crops_that_share_half_of_their_width_are_near() -> None:
    wide = photo(2, width=384)
    prints = {
        "left": fingerprint_of(wide[:, :256]),
        "right": fingerprint_of(wide[:, 128:]),
        "half": fingerprint_of(wide[:, 128:256]),
        "another": fingerprint_of(photo(3)),
    }
    assert groups(prints) == [["left", "right", "half"]]


@pytest.mark.parametrize("turned", [False, True])
def test_square_crops_of_the_whole_shorter_side_are_near(turned: bool) -> None:
    wide = photo(6, width=208)
    crops = {"whole": wide, "first": wide[:, :128], "last": wide[:, 80:], "middle": wide[:, 40:168]}
    crops["another"] = photo(7)
    prints = {name: fingerprint_of(crop.transpose(1, 0, 2) if turned else crop) for name, crop in crops.items()}
    assert groups(prints) == [["whole", "first", "last", "middle"]]


def test_equal_pixels_are_exact_copies_whatever_the_memory_looks_like() -> None:
    original = photo(4)
    prints = {
        "a": fingerprint_of(original),
        "b": fingerprint_of(photo(5)),
        "c": fingerprint_of(np.asfortranarray(original)),
        "other type": fingerprint_of(original.astype(np.uint16)),
        "other shape": fingerprint_of(original.reshape(256, 128, 3)),
    }
    assert same_pixels(prints) == [["a", "c"]]


def test_pictures_without_detail_are_near_to_nothing() -> None:
    def noise(seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 3, (64, 64, 1))

    height, width = np.mgrid[:64, :64][..., None]
    skies = {
        "black": np.zeros((64, 64, 1)),
        "black too": np.zeros((64, 64, 1)),
        "noise": 100 + noise(0),
        "more noise": 100 + noise(1),
        "sky": 100 + height + noise(2),
        "the same sky": 100 + height + noise(3),
        "slanted": 50 + 2 * height + width + noise(4),
    }
    prints = {name: fingerprint_of(pixels.astype(np.uint8)) for name, pixels in skies.items()}
    assert groups(prints) == []
    assert same_pixels(prints) == []
    assert all(fingerprint.phash == (0, 0, 0) for fingerprint in prints.values())


@pytest.mark.parametrize("side", ["nir", "rgb"])
def test_real_pictures_are_found_in_another_format(real_data: Path, side: str) -> None:
    """nir-train holds the pictures of nir-vcip as JPEG."""
    prints = {
        (name, path.stem): fingerprint_of(read_picture(path).pixels)
        for name in ("nir-vcip", "nir-train/vcip")
        for path in sorted((real_data / name / side).iterdir())
    }
    home = {key: number for number, group in enumerate(groups(prints)) for key in group}
    names = [stem for name, stem in prints if name == "nir-vcip"]
    assert len(names) == 36
    missed = [
        name
        for name in names
        if ("nir-vcip", name) not in home or home["nir-vcip", name] != home.get(("nir-train/vcip", name))
    ]
    assert missed == []


@pytest.mark.parametrize(
    ("side", "crossing", "among_crops"), [("rgb", 27, 58), pytest.param("nir", 26, 58, marks=pytest.mark.slow)]
)
def test_real_scenes_are_not_joined_but_crops_to_their_photographs(
    real_data: Path, side: str, crossing: int, among_crops: int
) -> None:
    """nir-train holds crops of the same photographs; its split.csv says of which."""
    folder = real_data / "nir-train"
    with (folder / "split.csv").open(newline="") as table:
        scenes = {(row["set"], row["name"]): row["scene"] for row in csv.DictReader(table)}
    prints = {key: fingerprint_of(read_picture(folder / key[0] / side / f"{key[1]}.jpg").pixels) for key in scenes}
    found = [pair for group in groups(prints) for pair in combinations(group, 2)]
    assert [pair for pair in found if scenes[pair[0]] != scenes[pair[1]]] == []
    from_both = [pair for pair in found if pair[0][0] != pair[1][0]]
    assert len(from_both) >= crossing
    assert len(found) - len(from_both) >= among_crops
