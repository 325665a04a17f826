"""Evaluation of gray2rgb: colours beside the grey picture's, rebalanced over the whole set."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nirgan.data.index import Data
from nirgan.data.open import open_data
from nirgan.inference.run import translate_source
from nirgan.metrics import METRICS
from nirgan.metrics.auc import pixel_auc
from nirgan.metrics.colours import colours_of
from nirgan.models.recipe import Recipe
from nirgan.models.weights import WeightsInfo
from nirgan.reporting import evaluate as evaluate_module
from nirgan.reporting.compare import compare
from nirgan.reporting.evaluate import Evaluation, evaluate
from nirgan.reporting.files import per_image_csv, read_results, write_results
from nirgan.reporting.summary import NO_RANKING, summarise
from nirgan.reporting.tables import footnotes, result_table

INFO = WeightsInfo(model="test-tint", task="gray2rgb")
COLOUR = ("auc", "auc_rebalanced", "acc1", "acc5", "interpretability")
GRAY = 120
"""Number of the bin (0, 0)."""


@pytest.fixture(autouse=True)
def _no_classifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate_module, "load_classifier", lambda: None)


@pytest.fixture
def grey(pairs: Path) -> Data:
    return open_data([str(pairs)], task="gray2rgb")


@pytest.fixture
def evaluation(tint: type[Recipe], grey: Data) -> Evaluation:
    return evaluate(tint().eval(), INFO, grey)


def test_every_metric_has_a_number_or_a_reason(evaluation: Evaluation) -> None:
    summary = summarise(evaluation)
    copy = summary["baselines"]["copy"]
    assert list(summary["metrics"]) == list(copy) == list(METRICS)
    for name in ("auc", "auc_rebalanced", "acc1"):
        for score in (summary["metrics"][name], copy[name]):
            assert 0 <= score["low"] <= score["mean"] <= score["high"] <= 100
    assert summary["metrics"]["acc5"] == {"mean": None, "why": NO_RANKING}
    assert copy["acc5"]["mean"] >= copy["acc1"]["mean"]
    assert summary["metrics"]["interpretability"]["mean"] is None
    assert summary["truth"] == {}
    # The tinted picture is nearly the truth, the grey one is not.
    assert summary["differences"]["copy"]["auc"]["low"] > 0
    assert summary["differences"]["copy"]["auc_rebalanced"]["low"] > 0


def test_near_infrared_is_not_scored_by_colour(
    tint: type[Recipe], pairs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("colours were scored")

    monkeypatch.setattr(evaluate_module, "ColourScorer", refuse)
    info = WeightsInfo(model="test-tint", task="nir2rgb")
    summary = summarise(evaluate(tint().eval(), info, open_data([str(pairs)], task="nir2rgb")))
    for name in COLOUR:
        assert summary["metrics"][name] == {"mean": None, "why": "scored for gray2rgb alone"}
    shown = {**summary, "protocol": "nirgan-1", "task": "nir2rgb"}
    assert not any(note.startswith(COLOUR) for note in footnotes(shown, summary["metrics"]))
    assert result_table(shown).row_count == len(METRICS) - len(COLOUR)


def test_rebalanced_is_accumulated_over_all_pixels(evaluation: Evaluation, tint: type[Recipe], grey: Data) -> None:
    # All pictures have one size, so that the set's score is one sum over pixels.
    bins, scores = [], []
    for record in grey.records("test"):
        sample = grey.sample(record)
        assert sample.target is not None
        truth, own = colours_of(sample.target), colours_of(translate_source(tint().eval(), sample.source))
        bins.append(truth.bins.flatten().numpy())
        scores.append(pixel_auc(own.ab[None], truth.ab[None]).flatten().numpy())
    every, score = np.concatenate(bins), np.concatenate(scores)
    weights = 1 / (np.bincount(every) / len(every))[every]
    summary = summarise(evaluation)
    assert summary["metrics"]["auc_rebalanced"]["mean"] == pytest.approx((weights * score).sum() / weights.sum())
    assert summary["metrics"]["auc"]["mean"] == pytest.approx(score.mean())
    assert summary["metrics"]["acc1"]["mean"] < 100
    assert sum(picture.weights["auc_rebalanced"] for picture in evaluation.pictures) == pytest.approx(3)


def test_logits_of_recipes_that_score_bins_are_ranked(tint: type[Recipe], grey: Data, evaluation: Evaluation) -> None:
    class Ranks(tint):  # type: ignore[valid-type,misc]  # a class from a fixture
        ranks_bins = True
        named = (GRAY, 121, 122, 123, 124)

        def bin_logits(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
            logits = torch.zeros(1, 313, *source.shape[-2:])
            for place, number in enumerate(self.named):
                logits[:, number] = 5.0 - place
            return logits

    scored = evaluate(Ranks().eval(), INFO, grey)
    for picture, plain in zip(scored.pictures, evaluation.pictures, strict=True):
        sample = grey.sample(next(record for record in grey.records() if record.key == picture.key))
        assert sample.target is not None
        truth = colours_of(sample.target).bins
        named = sum((truth == number).double().mean() for number in Ranks.named)
        assert picture.methods["model"]["acc5"] == pytest.approx(100 * float(named))
        # Grey stands first: as the grey picture's own first.
        assert picture.methods["model"]["acc1"] == plain.methods["copy"]["acc1"]
        assert picture.methods["model"]["auc"] == plain.methods["model"]["auc"]


def test_weights_of_pictures_reach_files_and_comparisons(
    evaluation: Evaluation, tint: type[Recipe], grey: Data, tmp_path: Path
) -> None:
    duller = tint()
    duller.colour.copy_(torch.tensor([0.8, 0.7, 0.6]))
    both = {"vivid": evaluation, "duller": evaluate(duller.eval(), INFO, grey)}
    for name, one in both.items():
        summary = {"protocol": "nirgan-1", "task": "gray2rgb", "data": {}, **summarise(one)}
        write_results(tmp_path / name, summary, one.pictures)
    results = [read_results(tmp_path / name) for name in both]
    difference = compare(results)["runs"][1]["difference"]["auc_rebalanced"]["mean"]
    means = [result.summary["metrics"]["auc_rebalanced"]["mean"] for result in results]
    assert difference == pytest.approx(means[1] - means[0])
    (row, *_) = csv.DictReader(per_image_csv(evaluation.pictures).decode().splitlines())
    assert float(row["auc_rebalanced_weight"]) == evaluation.pictures[0].weights["auc_rebalanced"]
    assert math.isfinite(float(row["copy_auc_rebalanced"]))
    assert "truth_interpretability" not in row


def test_what_a_classifier_sees_stands_beside_the_truth(
    tint: type[Recipe], grey: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    def warm_or_not(picture: Tensor) -> int:
        return int(picture[0].mean() > picture[2].mean() + 0.05)

    monkeypatch.setattr(evaluate_module, "load_classifier", lambda: warm_or_not)
    scored = evaluate(tint().eval(), INFO, grey)
    summary = summarise(scored)
    # The truth and the tinted picture are warm, the grey one is not.
    assert summary["metrics"]["interpretability"]["mean"] == 100
    assert summary["baselines"]["copy"]["interpretability"]["mean"] == 0
    assert summary["truth"]["interpretability"]["mean"] == 100
    assert any("agreement" in note for note in scored.notes)
    assert "interpretability: the truth's own is 100.00" in footnotes(
        {**summary, "task": "gray2rgb"}, summary["metrics"]
    )
    header = per_image_csv(scored.pictures).decode().splitlines()[0].split(",")
    assert "truth_interpretability" in header
