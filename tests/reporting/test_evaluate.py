"""Evaluation from weights to files: what is scored, beside what, and what is said about it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from nirgan.data.convert import from_unit
from nirgan.data.open import open_data
from nirgan.errors import NirganError
from nirgan.inference.run import translate_source
from nirgan.metrics import METRICS, score_picture, to_8_bit
from nirgan.models.recipe import Condition, Recipe
from nirgan.models.weights import WeightsInfo, load_recipe, weights_hash
from nirgan.reporting.evaluate import evaluate, score_sample
from nirgan.reporting.score_weights import score_weights

WEIGHTS = Path("checkpoints/best/weights.safetensors")


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "per_image.csv").open() as file:
        return {row["key"]: row for row in csv.DictReader(file)}


def test_result_has_the_contracts_keys_and_is_written(run: Path) -> None:
    summary, failed = score_weights(run)
    assert not failed
    assert (summary["protocol"], summary["count"], summary["split"]) == ("nirgan-1", 3, "test")
    assert list(summary["metrics"]) == list(METRICS)
    assert set(summary["baselines"]) == {"copy", "lookup"}
    for table in (summary["metrics"], *summary["baselines"].values()):
        assert table["psnr"]["low"] <= table["psnr"]["mean"] <= table["psnr"]["high"]
    written = json.loads((run / "evaluation" / "test" / "metrics.json").read_text())
    assert written == {key: value for key, value in json.loads(json.dumps(summary)).items() if key != "out"}
    assert written["weights"]["hash"] == weights_hash(run / WEIGHTS)
    assert written["data"]["own"] is True
    assert written["libraries"]["torch"].split("+")[0] == torch.__version__.split("+")[0]  # "+cpu" may be in either


def test_each_row_is_the_score_of_the_written_8_bit_picture(run: Path, pairs: Path) -> None:
    score_weights(run)
    rows = rows_of(run / "evaluation" / "test")
    assert list(rows) == ["pairs/0005", "pairs/0006", "pairs/0007"]
    recipe, _ = load_recipe(run / WEIGHTS)
    data = open_data([str(pairs)], task="nir2rgb")
    for record in data.records("test"):
        sample = data.sample(record)
        assert sample.target is not None
        picture = from_unit(translate_source(recipe, sample.source).numpy(), 8)
        written = torch.from_numpy(picture).permute(2, 0, 1) / 255
        expected = score_picture(written, sample.target)
        row = rows[record.key]
        assert row["category"] == record.category
        for metric, value in expected.items():
            assert float(row[metric]) == pytest.approx(value, rel=1e-9), metric
        copied = score_picture(sample.source.expand(3, -1, -1), sample.target)
        assert float(row["copy_psnr"]) == pytest.approx(copied["psnr"])
        assert float(row["lookup_psnr"]) not in (pytest.approx(copied["psnr"]), pytest.approx(expected["psnr"]))


def test_means_differences_and_categories_follow_from_the_rows(run: Path) -> None:
    summary, _ = score_weights(run)
    rows = list(rows_of(run / "evaluation" / "test").values())
    model, copy = (np.array([float(row[name]) for row in rows]) for name in ("psnr", "copy_psnr"))
    assert summary["metrics"]["psnr"]["mean"] == pytest.approx(model.mean())
    assert summary["differences"]["copy"]["psnr"]["mean"] == pytest.approx((model - copy).mean())
    assert summary["differences"]["copy"]["psnr"]["low"] > 0
    assert {name: group["count"] for name, group in summary["categories"].items()} == {"field": 2, "urban": 1}
    field = [float(row["psnr"]) for row in rows if row["category"] == "field"]
    assert summary["categories"]["field"]["metrics"]["psnr"]["mean"] == pytest.approx(np.mean(field))


def test_eight_bits_are_rounded_as_translate_writes_them() -> None:
    values = torch.rand(3, 50, 50, generator=torch.Generator().manual_seed(0))
    values[0, 0, :4] = torch.tensor([-1.0, 2.0, 0.5 / 255, 127.5 / 255])
    written = from_unit(values.numpy(), 8).transpose(2, 0, 1)
    np.testing.assert_array_equal((to_8_bit(values) * 255).round().numpy(), written)


def test_two_evaluations_are_equal(run: Path, tmp_path: Path) -> None:
    first, second = (score_weights(run, out=tmp_path / name)[0] for name in ("a", "b"))
    assert (tmp_path / "a/per_image.csv").read_bytes() == (tmp_path / "b/per_image.csv").read_bytes()
    for changing in ("seconds", "out"):
        first.pop(changing), second.pop(changing)
    assert first == second


def test_a_broken_file_is_listed_and_the_rest_is_scored(run: Path, pairs: Path) -> None:
    (pairs / "rgb" / "0006.png").write_bytes(b"\x89PNG cut short")
    summary, failed = score_weights(run)
    assert summary["count"] == 2
    assert ["0006.png" in failure.error for failure in failed] == [True]
    assert len(summary["failed"]) == 1
    for number in (5, 7):
        (pairs / "rgb" / f"{number:04d}.png").write_bytes(b"")
    with pytest.raises(NirganError, match="none of 3 pictures could be scored"):
        score_weights(run)


def test_weights_without_a_lookup_table_say_so(make_run: Callable[..., Path]) -> None:
    run = make_run(lookup=None)
    summary, _ = score_weights(run)
    lookup = summary["baselines"]["lookup"]
    assert list(lookup) == list(METRICS)
    assert lookup["psnr"]["mean"] is None
    assert "lookup table" in lookup["psnr"]["why"]
    assert "lookup" not in summary["differences"]
    assert "lookup_psnr" not in next(iter(rows_of(run / "evaluation" / "test").values()))


def test_equal_pictures_are_left_out_of_the_psnr_and_counted(run: Path, pairs: Path) -> None:
    nir = cv2.imread(str(pairs / "nir" / "0005.png"), cv2.IMREAD_GRAYSCALE)
    recipe, _ = load_recipe(run / WEIGHTS)
    output = translate_source(recipe, torch.from_numpy(nir)[None] / 255)
    cv2.imwrite(str(pairs / "rgb" / "0005.png"), from_unit(output.numpy(), 8)[..., ::-1])
    summary, _ = score_weights(run)
    assert summary["metrics"]["psnr"]["infinite"] == 1
    assert summary["metrics"]["psnr"]["mean"] < 60
    assert rows_of(run / "evaluation" / "test")["pairs/0005"]["psnr"] == "inf"


def test_damaged_weights_are_not_scored(run: Path, make_weights: Callable[..., Path]) -> None:
    make_weights(run / WEIGHTS, colour=(float("nan"), 1.0, 1.0))
    with pytest.raises(NirganError, match="NaN"):
        score_weights(run)


def test_pairs_that_are_not_registered_are_refused(tint: type[Recipe], pairs: Path) -> None:
    info = WeightsInfo(model="test-tint", task="nir2rgb")
    data = open_data([str(pairs)], task="nir2rgb", pairing="unregistered")
    with pytest.raises(NirganError, match="pixel with pixel"):
        evaluate(tint().eval(), info, data)
    registered = open_data([str(pairs)], task="nir2rgb")
    registered.all_records = [replace(r, split="test") for r in registered.all_records]
    with pytest.raises(NirganError, match="no pictures in the split 'val'"):
        evaluate(tint().eval(), info, registered, "val")


def test_grey_sources_are_copied_as_the_grey_of_their_lightness(tint: type[Recipe], pairs: Path) -> None:
    grey = np.full((20, 26, 3), 90, np.uint8)
    cv2.imwrite(str(pairs / "rgb" / "0005.png"), grey)
    data = open_data([str(pairs)], task="gray2rgb")
    record = next(r for r in data.records() if r.name.endswith("0005"))
    scores = score_sample(data.sample(record), tint().eval(), WeightsInfo(model="test-tint", task="gray2rgb"))
    assert scores.methods["copy"]["psnr"] == float("inf")
    assert scores.methods["model"]["psnr"] < 40


def test_fields_of_a_sample_become_conditions(tint: type[Recipe], pairs: Path) -> None:
    class Louder(tint):  # type: ignore[valid-type,misc]  # a class from a fixture
        conditions = (Condition("gain", float, 0.0, "Factor."), Condition("noise_seed", int, 3, "Not in any data."))

        def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
            assert conditions["noise_seed"] == 3
            return source * conditions["gain"]

    info = WeightsInfo(model="test-tint", task="nir2rgb")
    data = open_data([str(pairs)], task="nir2rgb")
    sample = data.sample(data.records()[0])
    told = replace(sample, extras={"gain": 1.0, "label": 4})
    plain = score_sample(sample, tint().eval(), info)
    assert score_sample(told, Louder().eval(), info).methods["model"] == plain.methods["model"]
    assert score_sample(sample, Louder().eval(), info).methods["model"]["psnr"] < plain.methods["model"]["psnr"] - 10


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"protocol": "nirgan1"}, "did you mean 'nirgan-1'"),
        ({"split": "tset"}, "did you mean 'test'"),
        ({"pairing": "registred"}, "did you mean 'registered'"),
        ({"tile": "-3"}, "--tile is '-3'"),
        ({"device": "gpu"}, "device 'gpu'"),
    ],
)
def test_wrong_options_are_refused_in_words(run: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(NirganError, match=words):
        score_weights(run, **given)
    assert not (run / "evaluation").exists()
