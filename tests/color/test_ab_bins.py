"""The bins of a and b: the published list from first principles, encoding, decoding, weights."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab
from torch import Tensor

from nirgan.color.ab_bins import (
    BINS,
    GRID_BINS,
    ab_bins,
    annealed_mean,
    bin_shares,
    class_weights,
    nearest_bin,
    nearest_grid_bin,
    soft_encode,
)

GREY = 120
"""Number of the bin at (0, 0)."""


def at(*colours: tuple[float, float]) -> Tensor:
    """Colours as one row of points (1,2,1,N)."""
    return torch.tensor(colours, dtype=torch.float32).T[None, :, None]


def by_brute_force(ab: Tensor, count: int) -> np.ndarray:
    """Numbers of the nearest bins (N,count) of points (1,2,1,N); the lowest among equals."""
    points = ab[0, :, 0].T.numpy()
    squares = ((points[:, None] - ab_bins().numpy()) ** 2).sum(-1)  # in float32, too: near ties round alike
    return squares.argsort(axis=1, kind="stable")[:, :count]


# --- the list -----------------------------------------------------------------------------------------------------


def test_the_list_is_the_published_one() -> None:
    bins = ab_bins()
    assert bins.shape == (BINS, 2) == (313, 2)
    assert bins[:3].tolist() == [[-90, 50], [-90, 60], [-90, 70]]
    assert bins[-1].tolist() == [100, 0]
    assert bins[GREY].tolist() == [0, 0]
    digest = hashlib.sha256(bins.numpy().astype("<i2").tobytes()).hexdigest()
    assert digest == "e74b520cf1929e90ad9f051db10931e8ac5d1534c6cedabd7bfeba7a78a96c89"


def test_the_hull_of_srgb_gives_the_list() -> None:
    """A grid point is a bin if a cell that it is a corner of touches the hull, which is known by its support."""
    axis = np.linspace(0, 1, 9)
    rgb = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    colours = rgb2lab(rgb.reshape(1, -1, 3))[0, :, 1:]
    angles = np.arange(1440) * 2 * np.pi / 1440
    directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    support = (colours @ directions.T).max(axis=0)
    grid = np.array([(a, b) for a in range(-110, 111, 10) for b in range(-110, 111, 10)])
    near = (grid @ directions.T < support + 10 * np.abs(directions).sum(axis=1)).all(axis=1)
    assert np.array_equal(grid[near], ab_bins().numpy())


def test_lists_are_real_wherever_they_are_asked_for() -> None:
    with torch.device("meta"):
        assert ab_bins().sum() == ab_bins().sum().item()
        assert nearest_bin(torch.zeros(1, 2, 1, 1, device="cpu")).item() == GREY


# --- encoding -----------------------------------------------------------------------------------------------------


def test_a_point_on_an_inner_bin_shares_with_its_neighbours() -> None:
    indices, shares = soft_encode(at((0, 0)))
    expected = torch.tensor([0.648786, 0.087804, 0.087804, 0.087804, 0.087804])
    assert torch.allclose(shares.flatten(), expected, atol=1e-6)
    places = ab_bins()[indices.flatten()].tolist()
    assert places == [[0, 0], [-10, 0], [0, -10], [0, 10], [10, 0]]  # equals in the list's order


def test_ten_neighbours_as_in_the_released_layer() -> None:
    indices, shares = soft_encode(at((0, 0)), neighbours=10)
    expected = torch.tensor([0.619218, *[0.083802] * 4, *[0.011341] * 4, 0.000208])
    assert torch.allclose(shares.flatten(), expected, atol=1e-6)
    assert ab_bins()[indices.flatten()[-1]].tolist() == [-20, 0]  # the first of four as far


def test_a_point_off_the_centres_by_hand() -> None:
    # (3, 1): squared distances 10 to (0, 0), 50 to (10, 0), 90 to (0, 10), 130 to (10, 10) and (0, -10).
    indices, shares = soft_encode(at((3, 1)))
    weights = np.exp(-np.array([10, 50, 90, 130, 130]) / 50)
    assert ab_bins()[indices.flatten()].tolist() == [[0, 0], [10, 0], [0, 10], [0, -10], [10, 10]]
    assert shares.flatten().tolist() == pytest.approx((weights / weights.sum()).tolist(), abs=1e-6)


@pytest.mark.parametrize("neighbours", [1, 5, 10])
def test_nearest_bins_are_those_of_brute_force(neighbours: int) -> None:
    generator = torch.Generator().manual_seed(0)
    anywhere = 260 * torch.rand(1, 2, 1, 4000, generator=generator) - 130  # far outside of sRGB, too
    ties = 5 * torch.randint(-26, 27, (1, 2, 1, 2000), generator=generator).float()
    for points in (anywhere, ties):
        found = soft_encode(points, neighbours)[0][0, :, 0].T
        assert np.array_equal(found.numpy(), by_brute_force(points, neighbours))


def test_wider_gaussians_share_out_more() -> None:
    point = at((12.0, -33.0))
    narrow, wide = (soft_encode(point, sigma=sigma)[1].flatten() for sigma in (2.0, 20.0))
    assert narrow[0] > wide[0]
    assert torch.allclose(wide.sum(), torch.tensor(1.0))


def test_every_bin_is_nearest_to_itself() -> None:
    points = ab_bins().T[None, :, None]
    assert torch.equal(nearest_bin(points).flatten(), torch.arange(BINS))


def test_the_nearest_bin_is_the_first_that_is_encoded() -> None:
    points = 200 * torch.rand(3, 2, 6, 7, generator=torch.Generator().manual_seed(1)) - 100
    assert torch.equal(nearest_bin(points), soft_encode(points)[0][:, 0])


def test_what_no_screen_shows_and_what_is_no_number_does_not_stop_it() -> None:
    found = nearest_bin(at((1e9, 0), (float("-inf"), 60), (float("nan"), 0)))
    assert found.shape == (1, 1, 3)
    assert found[0, 0, 0] == BINS - 1  # (100, 0)
    assert ab_bins()[found[0, 0, 1]].tolist() == [-90, 60]
    assert 0 <= found[0, 0, 2] < BINS


def test_the_nearest_point_of_the_grid() -> None:
    points = at((0, 0), (-110, -110), (110, 110), (4.9, 5.1), (5, -5), (300, -300))
    grid = [(a, b) for a in range(-110, 111, 10) for b in range(-110, 111, 10)]
    assert len(grid) == GRID_BINS
    found = [grid[number] for number in nearest_grid_bin(points).flatten().tolist()]
    assert found == [(0, 0), (-110, -110), (110, 110), (0, 10), (0, -10), (110, -110)]  # lowest among equals
    assert nearest_grid_bin(at((0, 0))).item() == 23 * 11 + 11


# --- decoding -----------------------------------------------------------------------------------------------------


@pytest.fixture
def logits() -> Tensor:
    return 3 * torch.randn(2, BINS, 3, 4, generator=torch.Generator().manual_seed(0))


def test_a_temperature_of_one_gives_the_mean(logits: Tensor) -> None:
    odds = logits.double().exp()
    odds = odds / odds.sum(1, keepdim=True)
    expected = (odds[:, :, None] * ab_bins().double()[None, :, :, None, None]).sum(1)
    assert torch.allclose(annealed_mean(logits, 1.0).double(), expected, atol=1e-4)


def test_a_low_temperature_gives_the_mode(logits: Tensor) -> None:
    best = logits.argmax(1)
    logits = logits.scatter_add(1, best[:, None], torch.ones(2, 1, 3, 4))  # by one ahead: e^-100 for all others
    mode = ab_bins()[best].movedim(-1, 1)
    assert torch.allclose(annealed_mean(logits, 0.01), mode, atol=1e-3)
    assert torch.allclose(annealed_mean(logits, 1e-30), mode, atol=1e-3)
    assert torch.allclose(annealed_mean(logits, 1e-50), mode, atol=1e-3)  # in float32 that is 0


def test_lower_temperatures_are_more_vivid() -> None:
    logits = torch.zeros(1, BINS, 1, 1)
    logits[0, GREY], logits[0, -1] = 4.0, 6.0  # grey and red, which is likelier
    vivid = [float(annealed_mean(logits, t)[0, 0]) for t in (1.0, 0.38, 0.1)]
    assert vivid[0] < vivid[1] < vivid[2] <= 100


def test_decoding_has_a_gradient(logits: Tensor) -> None:
    logits = logits.requires_grad_()
    annealed_mean(logits, 0.38).square().sum().backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
    assert logits.grad.any()


def test_half_precision_around_it_costs_no_colour(logits: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.allclose(annealed_mean(logits, 0.38), annealed_mean(logits.float(), 0.38), atol=1e-4)
    assert torch.allclose(annealed_mean(logits, 0.38), annealed_mean(logits.double(), 0.38), atol=1e-4)


# --- weights ------------------------------------------------------------------------------------------------------


def test_weights_by_hand() -> None:
    # Mixed with a half of the uniform: 0.65, 0.35; inverse: 1.538, 2.857; their mean under the prior: 1.802.
    weights = class_weights(torch.tensor([0.8, 0.2]))
    assert weights.tolist() == pytest.approx([1.538462 / 1.802198, 2.857143 / 1.802198], rel=1e-5)


@pytest.mark.parametrize("mix", [0.1, 0.5, 1.0])
def test_the_mean_weight_is_one_and_rare_classes_weigh_more(mix: float) -> None:
    prior = torch.rand(BINS, generator=torch.Generator().manual_seed(0)) ** 4
    prior = prior / prior.sum()
    weights = class_weights(prior, mix)
    assert float((prior * weights).sum()) == pytest.approx(1, abs=1e-5)
    if mix == 1:
        assert torch.allclose(weights, torch.ones(BINS))
    else:
        assert (weights[prior.argsort()].diff() <= 0).all()
        assert weights.max() > 1.05 * weights.min()


def test_a_uniform_prior_weighs_all_alike() -> None:
    assert torch.allclose(class_weights(torch.full((BINS,), 1 / BINS), 0.2), torch.ones(BINS), atol=1e-5)


def test_shares_of_bins_are_means_of_what_was_encoded() -> None:
    indices, shares = soft_encode(at((0, 0), (0, 0), (0, 0), (100, 0)), neighbours=1)
    found = bin_shares(indices, shares)
    assert found.shape == (BINS,)
    assert (float(found[GREY]), float(found[BINS - 1])) == (0.75, 0.25)
    smooth = bin_shares(*soft_encode(at((0, 0))))
    assert float(smooth[GREY]) == pytest.approx(0.648786, abs=1e-6)
    assert float(smooth.sum()) == pytest.approx(1, abs=1e-12)
