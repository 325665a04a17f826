"""Accuracy on bins, by hand."""

from __future__ import annotations

import pytest
import torch

from nirgan.color.ab_bins import ab_bins
from nirgan.metrics.ab_accuracy import MOST, ab_accuracy, gray_bins

GRAY = 120
"""Number of the bin (0, 0)."""


@pytest.fixture
def target() -> torch.Tensor:
    return torch.tensor([[[3, 3], [9, 200]]])


def test_shares_worked_by_hand(target: torch.Tensor) -> None:
    # Ranks of the four pixels' true bins: first, second, fifth, not among the first five.
    ranked = torch.tensor([[3, 5, 6, 7, 8], [5, 3, 6, 7, 8], [1, 2, 4, 5, 9], [1, 2, 4, 5, 6]])
    ranked = ranked.T.reshape(1, MOST, 2, 2)
    assert ab_accuracy(ranked[:, :1], target).tolist() == [25]
    assert ab_accuracy(ranked[:, :2], target).tolist() == [50]
    assert ab_accuracy(ranked, target).tolist() == [75]


def test_each_picture_has_its_own(target: torch.Tensor) -> None:
    both = torch.cat([target, target.flip(-1)])
    assert ab_accuracy(target.unsqueeze(1).expand(2, 1, 2, 2), both).tolist() == [100, 50]


def test_logits_that_know_score_everything_and_constant_ones_the_share_of_a_bin(target: torch.Tensor) -> None:
    logits = torch.zeros(1, len(ab_bins()), 2, 2).scatter(1, target.unsqueeze(1), 1.0)
    assert ab_accuracy(logits.topk(1, dim=1).indices, target).tolist() == [100]
    assert ab_accuracy(torch.tensor([3]).view(1, 1, 1, 1), target).tolist() == [50]
    assert ab_accuracy(logits.topk(len(ab_bins()), dim=1).indices, target).tolist() == [100]


def test_grey_names_its_bin_and_the_four_beside_it() -> None:
    bins = gray_bins()
    assert bins.shape == (MOST, 1, 1)
    assert int(bins[0]) == GRAY
    centres = ab_bins()[bins.flatten()]
    assert {tuple(centre) for centre in centres.int().tolist()} == {(0, 0), (0, 10), (0, -10), (10, 0), (-10, 0)}


def test_numbers_of_two_integer_types_compare(target: torch.Tensor) -> None:
    assert ab_accuracy(target.unsqueeze(1).short(), target).tolist() == [100]
