"""Means and intervals over pictures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from nirgan.metrics import aggregate, paired_difference
from nirgan.metrics import bootstrap as bootstrap_module


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(5).gamma(2.0, 3.0, size=40)


def rows(**columns: np.ndarray) -> list[dict[str, float]]:
    return [dict(zip(columns, map(float, values), strict=True)) for values in zip(*columns.values(), strict=True)]


def test_interval_is_scipys_percentile_bootstrap(scores: np.ndarray) -> None:
    # SciPy draws the same picture numbers from the same generator, so the ends agree to the last digits.
    expected = bootstrap(
        (scores,), np.mean, n_resamples=10_000, method="percentile", rng=np.random.default_rng(0), vectorized=True
    ).confidence_interval
    result = aggregate(rows(psnr=scores))["psnr"]
    assert result["mean"] == pytest.approx(scores.mean(), rel=1e-12)
    assert (result["low"], result["high"]) == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_interval_of_two_pictures_worked_by_hand() -> None:
    # Means of two draws from {0, 1}: 0, 1/2 and 1 with probabilities 1/4, 1/2 and 1/4.
    assert aggregate(rows(ssim=np.array([0.0, 1.0])))["ssim"] == {"mean": 0.5, "low": 0.0, "high": 1.0}
    assert aggregate(rows(ssim=np.array([0.7])))["ssim"] == pytest.approx({"mean": 0.7, "low": 0.7, "high": 0.7})


def test_memory_bound_changes_no_draw(scores: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = aggregate(rows(psnr=scores))
    monkeypatch.setattr(bootstrap_module, "_CHUNK", 7 * len(scores))
    assert aggregate(rows(psnr=scores)) == whole


def test_metrics_are_resampled_alike_and_repeatably(scores: np.ndarray) -> None:
    together = aggregate(rows(psnr=scores, ae=2 * scores))
    assert together["ae"]["low"] == pytest.approx(2 * together["psnr"]["low"])
    assert together == aggregate(rows(psnr=scores, ae=2 * scores))
    assert together["psnr"] == pytest.approx(aggregate(rows(psnr=scores))["psnr"], rel=1e-12)


def test_infinite_and_undefined_scores_are_counted_not_averaged(scores: np.ndarray) -> None:
    psnr, ssim = scores.copy(), scores.copy()
    psnr[[2, 5]] = math.inf
    ssim[7] = math.nan
    result = aggregate(rows(psnr=psnr, ssim=ssim, ae=scores))
    assert result["psnr"]["mean"] == pytest.approx(np.delete(scores, [2, 5]).mean())
    assert result["psnr"]["infinite"] == 2
    assert result["ssim"]["undefined"] == 1
    assert result["ssim"]["mean"] == pytest.approx(np.delete(scores, 7).mean())
    assert set(result["ae"]) == {"mean", "low", "high"}


def test_without_a_finite_score_there_is_a_reason() -> None:
    result = aggregate(rows(psnr=np.full(3, math.inf)))["psnr"]
    assert result == {"mean": None, "why": "no finite score (3 infinite)", "infinite": 3}
    assert aggregate([]) == {}


def test_paired_differences_are_taken_picture_by_picture(scores: np.ndarray) -> None:
    shifted = scores + np.linspace(0.9, 1.1, len(scores))
    result = paired_difference(rows(psnr=shifted), rows(psnr=scores, ae=scores))
    assert set(result) == {"psnr"}
    assert result["psnr"]["mean"] == pytest.approx(1.0)
    assert 0.9 < result["psnr"]["low"] < 1 < result["psnr"]["high"] < 1.1
    wide = aggregate(rows(psnr=scores))["psnr"]
    assert result["psnr"]["high"] - result["psnr"]["low"] < 0.1 * (wide["high"] - wide["low"])


def test_paired_differences_leave_out_what_either_misses() -> None:
    first, second = rows(psnr=np.array([math.inf, 5.0, 7.0])), rows(psnr=np.array([math.inf, 4.0, math.nan]))
    result = paired_difference(first, second)["psnr"]
    assert (result["mean"], result["undefined"]) == (1.0, 2)


def test_pictures_that_count_differently_are_drawn_with_their_weights(scores: np.ndarray) -> None:
    weights = np.random.default_rng(6).gamma(1.0, 1.0, size=len(scores))
    expected = bootstrap(
        (scores * weights, weights),
        lambda above, below, axis: above.sum(axis=axis) / below.sum(axis=axis),
        paired=True,
        n_resamples=10_000,
        method="percentile",
        rng=np.random.default_rng(0),
        vectorized=True,
    ).confidence_interval
    result = aggregate(rows(auc=scores, psnr=scores), {"auc": weights, "lpips": weights})
    assert result["auc"]["mean"] == pytest.approx(np.average(scores, weights=weights), rel=1e-12)
    assert (result["auc"]["low"], result["auc"]["high"]) == pytest.approx((expected.low, expected.high), rel=1e-9)
    assert result["psnr"] == pytest.approx(aggregate(rows(psnr=scores))["psnr"], rel=1e-12)
    shifted = paired_difference(rows(auc=scores + 2 * weights), rows(auc=scores), {"auc": weights})["auc"]
    assert shifted["mean"] == pytest.approx(2 * np.average(weights, weights=weights))


def test_weights_of_pictures_that_are_left_out_do_not_count(scores: np.ndarray) -> None:
    some = scores.copy()
    some[3] = math.nan
    result = aggregate(rows(auc=some), {"auc": np.arange(1.0, len(some) + 1)})["auc"]
    assert result["undefined"] == 1
    expected = np.average(np.delete(scores, 3), weights=np.delete(np.arange(1.0, len(some) + 1), 3))
    assert result["mean"] == pytest.approx(expected)
