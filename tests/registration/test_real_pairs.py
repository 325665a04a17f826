"""Alignment of real pictures. `pytest -m slow -s tests/registration/test_real_pairs.py` prints what was measured."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from known_pairs import Pair, corner_errors, similarity

from nirgan.registration.estimate import Alignment, align

STATED_PX, WRONG_PX = 5.0, 5.0
WARPS = 200


def read(source: Path, target: Path) -> Pair:
    """By OpenCV, independently of nirgan's reader."""
    near_infrared = cv2.imread(str(source), cv2.IMREAD_GRAYSCALE)
    colour = cv2.imread(str(target), cv2.IMREAD_COLOR)
    pair = near_infrared[None], np.ascontiguousarray(colour[..., ::-1].transpose(2, 0, 1))
    return pair[0].astype(np.float32) / 255, pair[1].astype(np.float32) / 255


def pairs_of(folder: Path) -> list[tuple[Path, Path]]:
    """NIR and colour files with the same stems."""
    colours = {path.stem: path for path in (folder / "rgb").iterdir()}
    return [(path, colours[path.stem]) for path in sorted((folder / "nir").iterdir())]


def gradient_correlation(pair: Pair, matrix: np.ndarray) -> float:
    """Pearson's correlation of Sobel magnitudes where the moved source covers the target, 3 pixels from its border."""
    source, target = pair[0][0], pair[1].mean(axis=0)
    size, flags = target.shape[::-1], cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(source, matrix, size, flags=flags)
    inside = cv2.warpPerspective(np.ones_like(source), matrix, size, flags=flags)
    mask = cv2.erode((inside > 0.999).astype(np.uint8), np.ones((7, 7), np.uint8), borderValue=0) > 0
    magnitudes = [np.hypot(cv2.Sobel(p, cv2.CV_32F, 1, 0), cv2.Sobel(p, cv2.CV_32F, 0, 1)) for p in (moved, target)]
    return float(np.corrcoef(magnitudes[0][mask], magnitudes[1][mask])[0, 1])


@pytest.mark.slow
def test_stated_matrices_are_met_and_edges_agree_no_less(real_data: Path) -> None:
    folder = real_data / "nir-unregistered"
    for source, target in pairs_of(folder):
        text = (folder / "affine" / f"{source.stem}.txt").read_text()
        stated = np.vstack([np.array(text.replace("[", " ").replace("]", " ").split(), float).reshape(2, 3), [0, 0, 1]])
        pair = read(source, target)
        began = time.process_time()
        found = align(*pair)
        seconds = time.process_time() - began
        error = corner_errors(found.matrix, stated, *pair[1].shape[1:])
        ours, theirs = gradient_correlation(pair, found.matrix), gradient_correlation(pair, stated)
        print(
            f"{source.stem}: corners {error.round(1)} px from the stated matrix, gradient correlation {ours:.4f} "
            f"(stated {theirs:.4f}), confidence {found.confidence:.2f}, {seconds:.1f} s"
        )
        assert error.max() <= STATED_PX
        assert ours >= theirs
        assert found.confidence >= 0.5, found.weakness


@pytest.mark.slow
def test_random_warps_of_registered_pairs(real_data: Path) -> None:
    """200 warps (±5°, ±5 %, ±5 %) of the NIR side, judged against the warp after the unwarped pair's own alignment.

    What is refused counts as not found.
    """
    files = [pair for name in ("nir-scenes", "nir-vcip", "nir-original") for pair in pairs_of(real_data / name)]
    random = np.random.default_rng(0)
    plain: dict[Path, Alignment] = {}
    errors, believed = [], []
    for number in range(WARPS):
        source, target = files[number % len(files)]
        pair = read(source, target)
        if source not in plain:
            plain[source] = align(*pair)
        height, width = pair[0].shape[1:]
        x, y = random.uniform(-0.05, 0.05, 2) * (width, height)
        warp = similarity((height, width), random.uniform(-5, 5), random.uniform(0.95, 1.05), x, y)
        moved = cv2.warpPerspective(pair[0][0], warp, (width, height), flags=cv2.INTER_CUBIC).clip(0, 1)[None]
        found = align(moved, pair[1])
        error = corner_errors(found.matrix, warp @ plain[source].matrix, *pair[1].shape[1:]).mean()
        errors.append(float(error))
        believed.append(found.confidence >= 0.5)
        if error > 1 or not believed[-1]:
            print(
                f"{source.parent.parent.name}/{source.stem}: {error:.2f} px, confidence {found.confidence:.2f} "
                f"({found.weakness}), unwarped {plain[source].confidence:.2f}"
            )
    error, sure = np.array(errors), np.array(believed)
    found_to_a_pixel = (error < 1) & sure
    print(
        f"{found_to_a_pixel.mean():.1%} believed and under 1 px; {sure.mean():.1%} believed, of them the worst "
        f"{error[sure].max():.2f} px off; median of all {np.median(error):.2f} px"
    )
    assert error[sure].max() <= WRONG_PX
    assert found_to_a_pixel.mean() >= 0.95


@pytest.mark.slow
def test_strangers_are_never_believed(real_data: Path) -> None:
    """Each NIR picture with the colour picture of another category: none of its own is half the list away."""
    files = pairs_of(real_data / "nir-scenes") + pairs_of(real_data / "nir-vcip")
    confidences = []
    for number, (source, _) in enumerate(files):
        target = files[(number + len(files) // 2) % len(files)][1]
        assert source.stem.split("_")[0] != target.stem.split("_")[0]
        confidences.append(align(*read(source, target)).confidence)
    print(f"{len(files)} strangers: confidence at most {max(confidences):.2f}, median {np.median(confidences):.2f}")
    assert max(confidences) < 0.5


def test_a_real_pair_is_aligned(real_data: Path) -> None:
    source, target = pairs_of(real_data / "nir-scenes")[0]
    pair = read(source, target)
    height, width = pair[0].shape[1:]
    warp = similarity((height, width), 4, 1.03, 7, -5)
    moved = cv2.warpPerspective(pair[0][0], warp, (width, height), flags=cv2.INTER_CUBIC).clip(0, 1)[None]
    found = align(moved, pair[1])
    assert found.confidence >= 0.5, found.weakness
    # The pair is registered to 2 pixels.
    assert corner_errors(found.matrix, warp, height, width).mean() < 3
