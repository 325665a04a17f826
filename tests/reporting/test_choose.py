"""Which pictures are scored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirgan.errors import NirganError
from nirgan.models.weights import WeightsInfo, read_info
from nirgan.reporting.choose import choose_data, run_of
from nirgan.reporting.score_weights import score_weights

WEIGHTS = Path("checkpoints/best/weights.safetensors")


def keys(choice: object) -> list[str]:
    return [record.key for record in choice.data.records(choice.split)]  # type: ignore[attr-defined]


def test_a_runs_own_data_takes_the_runs_own_split(run: Path, pairs: Path) -> None:
    split = run / "split.csv"
    swapped = split.read_text().replace(",train", ",TEST").replace(",test", ",train").replace(",TEST", ",test")
    split.write_text(swapped)  # unlike the split.csv beside the pictures
    weights, info = run / WEIGHTS, read_info(run / WEIGHTS)
    expected = [f"pairs/{n:04d}" for n in range(4)]
    assert keys(choose_data(weights, info, [])) == expected
    named = choose_data(weights, info, [f"{pairs.parent}/./pairs/"])
    assert named.own
    assert keys(named) == expected


def test_other_data_takes_its_own_split(run: Path, pairs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    pairs.rename(other)
    choice = choose_data(run / WEIGHTS, read_info(run / WEIGHTS), [str(other)])
    assert not choice.own
    assert len(keys(choice)) == 3
    assert choice.notes == []


def test_other_data_without_a_split_is_scored_whole_and_that_is_said(run: Path, pairs: Path, tmp_path: Path) -> None:
    (pairs / "split.csv").unlink()
    other = tmp_path / "other"
    pairs.rename(other)
    summary, _ = score_weights(run, [str(other)])
    assert (summary["count"], summary["split"]) == (8, "all")
    assert "all 8 of its pictures" in summary["notes"][0]
    assert Path(summary["out"]) == run / "evaluation" / "other-all"


def test_weights_outside_a_run_need_data(pairs: Path, make_weights: Callable[..., Path], tmp_path: Path) -> None:
    weights = make_weights(tmp_path / "alone.safetensors")
    assert run_of(weights) is None
    with pytest.raises(NirganError, match="--data"):
        choose_data(weights, read_info(weights), [])
    assert len(keys(choose_data(weights, read_info(weights), [str(pairs)]))) == 3


def test_a_run_without_its_split_is_refused(run: Path) -> None:
    (run / "split.csv").unlink()
    with pytest.raises(NirganError, match=r"split\.csv is missing"):
        choose_data(run / WEIGHTS, read_info(run / WEIGHTS), [])


def test_unpaired_training_is_scored_on_the_same_test_pairs(make_run: Callable[..., Path]) -> None:
    run = make_run(pairing="unpaired")
    with pytest.raises(NirganError, match="--pairing registered"):
        score_weights(run)
    weights = run / WEIGHTS
    choice = choose_data(weights, read_info(weights), [], pairing="registered")
    assert keys(choice) == [f"pairs/{n:04d}" for n in (5, 6, 7)]
    assert score_weights(run, pairing="registered")[0]["count"] == 3


def test_other_data_is_scaled_as_the_weights_were(run: Path, tmp_path: Path) -> None:
    other = tmp_path / "twelve"
    for side, channels in (("nir", 1), ("rgb", 3)):
        (other / side).mkdir(parents=True)
        pixels = np.full((16, 16, channels), 2048, np.uint16)
        cv2.imwrite(str(other / side / "a.png"), pixels)
    info = WeightsInfo(model="test-tint", task="nir2rgb", full_scale=4095)
    data = choose_data(run / WEIGHTS, info, [str(other)]).data
    assert data.sample(data.records()[0]).source.mean().item() == pytest.approx(2048 / 4095)
    from_8_bit = WeightsInfo(model="test-tint", task="nir2rgb", full_scale=255)
    data = choose_data(run / WEIGHTS, from_8_bit, [str(other)]).data
    assert data.sample(data.records()[0]).source.mean().item() == pytest.approx(2048 / 65535)
