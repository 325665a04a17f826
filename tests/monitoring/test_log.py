"""The run's log: numbers once, pictures as drawn."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nirgan.color import lightness_to_gray
from nirgan.monitoring.grid import Row, sample_grid
from nirgan.monitoring.log import RunLog
from nirgan.monitoring.progress import Lines, Watched, summary


def read(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_both_files_say_the_same(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.add(3, {"loss/g/l1": 0.5, "lr/g": 2e-4})
    log.add(6, {"loss/g/l1": 0.25})
    log.close()
    assert read(tmp_path) == {"loss/g/l1": [(3, 0.5), (6, 0.25)], "lr/g": [(3, pytest.approx(2e-4))]}
    rows = list(csv.reader((tmp_path / "metrics.csv").open()))
    assert rows == [
        ["step", "tag", "value"],
        ["3", "loss/g/l1", "0.5"],
        ["3", "lr/g", "0.0002"],
        ["6", "loss/g/l1", "0.25"],
    ]


def test_what_came_after_the_checkpoint_is_cut(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    log.add(3, {"a": 1.0})
    lengths = log.lengths()
    log.add(6, {"a": 2.0})
    log.close()
    second = RunLog(tmp_path, lengths)  # resumed, and killed before its first checkpoint
    second.add(6, {"a": 3.0})
    second.close()
    third = RunLog(tmp_path, lengths)
    third.add(6, {"a": 4.0})
    third.add(9, {"a": 5.0})
    third.close()
    assert read(tmp_path) == {"a": [(3, 1.0), (6, 4.0), (9, 5.0)]}
    assert (tmp_path / "metrics.csv").read_text() == "step,tag,value\n3,a,1.0\n6,a,4.0\n9,a,5.0\n"


def test_a_run_that_starts_again_has_no_old_numbers(tmp_path: Path) -> None:
    RunLog(tmp_path).add(3, {"a": 1.0})
    again = RunLog(tmp_path)
    again.add(3, {"a": 2.0})
    again.close()
    assert read(tmp_path) == {"a": [(3, 2.0)]}


def test_pictures(tmp_path: Path) -> None:
    log = RunLog(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    log.add_picture(4, "samples/val", pixels)
    log.save_picture(4, pixels)
    log.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    (image,) = events.Images("samples/val")
    assert (image.step, image.height, image.width) == (4, 5, 7)
    shown = cv2.imdecode(np.frombuffer(image.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    saved = cv2.imread(str(tmp_path / "samples" / "step_000004.png"))[..., ::-1]
    assert np.array_equal(shown, pixels)
    assert np.array_equal(saved, pixels)


def test_grid_has_a_row_per_picture_and_columns_side_by_side() -> None:
    def flat(channels: int, value: float, height: int = 8, width: int = 6) -> torch.Tensor:
        return torch.full((channels, height, width), value)

    rows = [Row(flat(1, 0.2), flat(3, 0.4), flat(3, 0.6)), Row(flat(4, 0.8, 16), flat(3, 1.0, 16), None)]
    grid = sample_grid(rows, "nir2rgb", height=16)
    assert grid.shape == (8 + 4 + 16, 3 * 6 + 2 * 4, 3)
    assert [int(grid[0, x, 0]) for x in (0, 5, 7, 10, 20, 25)] == [51, 51, 255, 102, 153, 153]
    assert [int(grid[20, x, 1]) for x in (0, 12, 25)] == [204, 255, 255]
    small = sample_grid(rows[1:], "nir2rgb", height=8)
    assert small.shape == (8, 3 + 4 + 3, 3)


def test_lightness_is_shown_as_grey() -> None:
    grid = sample_grid([Row(torch.full((1, 4, 4), 0.5), torch.zeros(3, 4, 4), None)], "gray2rgb")
    assert int(grid[0, 0, 0]) == round(float(lightness_to_gray(torch.tensor(0.5))) * 255) != 128


def test_lines_name_losses_and_speed(caplog: pytest.LogCaptureFixture) -> None:
    values = {"loss/g/l1": 0.12345, "lr/g": 1e-4, "speed/images_per_s": 9.87}
    assert summary(values) == "g/l1 0.1235  9.9 images/s"
    with caplog.at_level("INFO"):
        Lines().line(20, None, values)
        Lines().line(40, 100, values)
    assert [record.getMessage().split("  ")[0] for record in caplog.records] == ["step 20", "step 40/100"]


def test_items_are_counted_as_they_go_by(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched("abc", 3, "preparing")
    with caplog.at_level("INFO"):
        assert list(watched) == ["a", "b", "c"]
        assert not caplog.records  # short work
        monkeypatch.setattr("nirgan.monitoring.progress._LINE_EVERY_S", 0.0)
        assert list(watched) == ["a", "b", "c"]  # another pass
    assert [record.getMessage() for record in caplog.records] == [f"preparing: {done}/3" for done in range(3)]
