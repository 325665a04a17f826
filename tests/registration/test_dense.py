"""A field of small shifts on top of a matrix."""

from __future__ import annotations

import cv2
import numpy as np
from known_pairs import SIDE, scene_pair

from nirgan.registration.dense import flow_of, whole_size
from nirgan.registration.estimate import align


def test_parallax_is_found_where_it_is() -> None:
    (source, target), _ = scene_pair(4)
    rows, columns = np.indices((SIDE, SIDE), dtype=np.float32)
    # The lower half stands up to 3 pixels further right in NIR.
    parallax = 3 * np.clip((rows - SIDE / 2) / (SIDE / 4), 0, 1)
    near_infrared = cv2.remap(source[0], columns - parallax, rows, cv2.INTER_CUBIC).clip(0, 1)[None]
    found = align(near_infrared, target, model="translation")
    flow = flow_of(found)
    assert flow is not None
    whole = whole_size(flow, (SIDE, SIDE)) + found.matrix[:2, 2].astype(np.float32)
    inner = slice(32, SIDE - 32)
    before = np.abs(found.matrix[0, 2] - parallax)[inner, inner].mean()
    after = np.abs(whole[..., 0] - parallax)[inner, inner].mean()
    assert after < 0.7 * before


def test_a_pair_that_is_aligned_gets_no_large_field() -> None:
    (source, target), _ = scene_pair(1)
    flow = flow_of(align(source, target))
    assert flow is None or np.linalg.norm(flow, axis=2).mean() < 0.5
