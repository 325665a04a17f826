"""Raw accuracy: the curve by hand and by brute force, and what rebalancing makes of two colours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nirgan.color.ab_bins import BINS, nearest_bin
from nirgan.metrics import aggregate
from nirgan.metrics.auc import by_bin, pixel_auc, rebalanced
from nirgan.metrics.colours import colours_of

A, B = 7, 200
"""Two bins."""


def auc(output: torch.Tensor, target: torch.Tensor) -> float:
    return float(pixel_auc(output, target).mean())


def off_by(a: float, b: float = 0.0) -> float:
    target = torch.zeros(1, 2, 4, 5)
    return auc(target + torch.tensor([a, b]).view(1, 2, 1, 1), target)


@pytest.mark.parametrize(
    ("distance", "area"),
    [(0, 150), (0.5, 149.5), (1, 149.5), (15, 135.5), (75, 75.5), (149.5, 0.5), (150, 0.5), (151, 0), (200, 0)],
)
def test_constant_errors_have_the_areas_worked_by_hand(distance: float, area: float) -> None:
    assert off_by(distance) == pytest.approx(100 * area / 150)
    assert off_by(0, -distance) == pytest.approx(100 * area / 150)


def test_published_vectors() -> None:
    # Zero, 75, 15 and 200, as the literature's implementations give them to two digits.
    assert [round(off_by(d), 2) for d in (0, 75, 15, 200)] == [100, 50.33, 90.33, 0]
    assert off_by(9, 12) == off_by(15)


def test_the_mean_over_pixels_is_the_area_under_the_curve() -> None:
    draw = torch.Generator().manual_seed(0)
    output, target = (120 * torch.rand(1, 2, 30, 40, generator=draw, dtype=torch.float64) for _ in range(2))
    errors = (output - target).norm(dim=1).flatten().numpy()
    curve = [(errors <= t).mean() for t in range(151)]
    expected = 100 * np.trapezoid(curve) / 150
    # An error within a hundredth above a threshold counts as at it: of 1200, about 12 gain a step of 1/150 each.
    assert auc(output, target) == pytest.approx(expected, abs=0.02)
    assert auc(output, target) >= expected


def test_greys_of_two_levels_have_one_colour() -> None:
    dark, light = (colours_of(torch.full((3, 4, 4), level / 255)) for level in (40, 200))
    assert not torch.equal(dark.ab, light.ab)  # Lab's constants are rounded
    assert auc(dark.ab[None], light.ab[None]) == 100


def test_colours_are_those_of_the_8_bit_picture_in_any_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = torch.rand(3, 9, 7, generator=torch.Generator().manual_seed(1))
    whole = colours_of(picture)
    assert whole.ab.shape == (2, 9, 7)
    assert torch.equal(whole.bins, nearest_bin(whole.ab[None])[0])
    monkeypatch.setattr("nirgan.metrics.colours._BAND", 14)
    banded = colours_of(picture)
    assert torch.equal(banded.bins, whole.bins)
    torch.testing.assert_close(banded.ab, whole.ab)
    written = (picture * 255).round() / 255
    torch.testing.assert_close(colours_of(written).ab, whole.ab)


def test_sums_by_bin_add_up() -> None:
    bins = torch.tensor([[A, A, B], [A, B, B]])
    values = torch.tensor([[100.0, 50, 20], [0, 10, 30]])
    shares, sums = by_bin(bins), by_bin(bins, values)
    assert (shares.shape, shares[A], shares[B], shares.sum()) == ((BINS,), 0.5, 0.5, 1)
    assert (sums[A], sums[B]) == (pytest.approx(25), pytest.approx(10))
    assert sums.sum() == pytest.approx(float(values.mean()))


def two_pictures() -> tuple[np.ndarray, np.ndarray]:
    """Three quarters of A scoring 100 and a quarter of B scoring 20; all A, scoring 60."""
    shares, scores = np.zeros((2, BINS)), np.zeros((2, BINS))
    shares[:, A], shares[0, B] = (0.75, 1.0), 0.25
    scores[:, A], scores[0, B] = (75.0, 60.0), 5.0
    return shares, scores


def test_two_colours_rebalanced_by_hand() -> None:
    # Frequencies 7/8 and 1/8. Weights 0.75·8/7 + 0.25·8 = 20/7 and 8/7, over their mean 2. The first picture:
    # (75·8/7 + 5·8) / (20/7) = 44; the second: 60. The set: (44·20 + 60·8) / 28 = 340/7.
    values, weights = rebalanced(*two_pictures())
    assert values == pytest.approx([44, 60])
    assert weights == pytest.approx([10 / 7, 4 / 7])
    mean = float(np.average(values, weights=weights))
    assert mean == pytest.approx(340 / 7)
    # Which is the mean of what each colour scores: 135/1.75 for A, 20 for B.
    assert mean == pytest.approx((135 / 1.75 + 20) / 2)
    row = aggregate([{"auc_rebalanced": value} for value in values], {"auc_rebalanced": list(weights)})
    assert row["auc_rebalanced"]["mean"] == pytest.approx(340 / 7)
    # Draws of two: the first twice, both, the second twice.
    assert (row["auc_rebalanced"]["low"], row["auc_rebalanced"]["high"]) == (pytest.approx(44), pytest.approx(60))


def test_perfect_and_hopeless_stay_so() -> None:
    shares, _ = two_pictures()
    assert rebalanced(shares, 100 * shares)[0] == pytest.approx([100, 100])
    assert rebalanced(shares, 0 * shares)[0] == pytest.approx([0, 0])


def test_weights_are_of_the_truths_alone() -> None:
    shares, scores = two_pictures()
    assert (rebalanced(shares, scores)[1] == rebalanced(shares, scores / 3)[1]).all()


def test_colours_below_the_floor_do_not_rule_the_score() -> None:
    # A share of 1e-8 counts as 1e-8 / 1e-6 of a colour: (100 + 0) / 1.01.
    shares, scores = np.zeros((1, BINS)), np.zeros((1, BINS))
    shares[0, A], shares[0, B] = 1 - 1e-8, 1e-8
    scores[0, A] = 100 * (1 - 1e-8)
    assert rebalanced(shares, scores)[0][0] == pytest.approx(100 / 1.01)
