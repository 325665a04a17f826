"""The shift between two pictures of one scene."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from nirgan.data.synth import render
from nirgan.layers.edge_map import edge_map
from nirgan.layers.shift import LEAST_PEAK, find_shift

SIDE, EDGE = 128, 24


@pytest.fixture(scope="module")
def scenes() -> tuple[Tensor, Tensor]:
    rendered = [render(0, index, height=SIDE + 2 * EDGE, width=SIDE + 2 * EDGE) for index in range(6)]
    nir = np.stack([scene.nir[None] for scene in rendered])
    rgb = np.stack([scene.rgb.transpose(2, 0, 1) for scene in rendered])
    return torch.from_numpy(nir).float(), torch.from_numpy(rgb).float()


def window(pictures: Tensor, dx: int = 0, dy: int = 0) -> Tensor:
    return pictures[..., EDGE + dy : EDGE + dy + SIDE, EDGE + dx : EDGE + dx + SIDE]


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (0, -1), (4, 3), (-16, 9), (20, -20)])
def test_nir_and_colour_are_found_to_the_pixel(scenes: tuple[Tensor, Tensor], dx: int, dy: int) -> None:
    nir, rgb = scenes
    shift, peak = find_shift(window(nir), window(rgb, dx, dy), reach=24)
    # The colour picture shows at (x, y) what NIR shows at (x + dx, y + dy).
    assert shift.tolist() == [[dx, dy]] * len(nir)
    assert (peak >= LEAST_PEAK).all()


def test_the_search_reaches_as_far_as_told_and_a_quarter_of_the_side(scenes: tuple[Tensor, Tensor]) -> None:
    nir, rgb = scenes
    near, _ = find_shift(window(nir), window(rgb, 16, 0), reach=8)
    assert (near.abs() <= 8).all()
    small, _ = find_shift(window(nir)[..., :32, :32], window(rgb)[..., :32, :32], reach=24)
    assert (small.abs() <= 8).all()
    assert not find_shift(window(nir), window(rgb, 16, 0), reach=0)[0].any()


def test_what_has_no_edges_in_common_stays(scenes: tuple[Tensor, Tensor]) -> None:
    nir, rgb = window(scenes[0]), window(scenes[1])
    torch.manual_seed(0)
    for other in (torch.zeros_like(rgb), torch.rand(rgb.shape)):
        shift, peak = find_shift(nir, other, reach=24)
        assert not shift.any()
        assert (peak < LEAST_PEAK).all()


def test_edges_forget_contrast_and_sign(scenes: tuple[Tensor, Tensor]) -> None:
    nir = window(scenes[0])
    edges = edge_map(nir)
    assert edges.shape == nir.shape
    assert torch.allclose(edge_map(1 - nir), edges, atol=1e-4)
    both = torch.stack([edges.flatten(), edge_map(0.5 * nir + 0.2).flatten()])
    assert float(torch.corrcoef(both)[0, 1]) > 0.97


def test_an_edge_stands_out_where_it_is() -> None:
    step = torch.zeros(1, 1, 32, 32)
    step[..., 16:] = 1
    edges = edge_map(step)[0, 0]
    assert edges.argmax(dim=1).unique().tolist() in ([14], [15], [16])
    assert not (edges[:, 16] - edges[:1, 16]).abs().max() > 1e-4
    assert edges[16, 24] < 0.1
