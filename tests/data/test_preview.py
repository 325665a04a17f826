"""The contact sheet: which crops, in which columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from nirgan.config.schema import Augmentation
from nirgan.data import Data, StepPlan, TrainingSet, open_data
from nirgan.data.convert import from_unit
from nirgan.data.preview import HEADING, contact_sheet

CROP, GAP = 16, 4


@pytest.fixture
def data(tmp_path: Path, write_pairs) -> Data:
    folder = write_pairs(tmp_path / "pairs", [f"{number}" for number in range(6)])
    return open_data([str(folder)], task="nir2rgb", val_share=0, test_share=0)


def drawn(data: Data, augment: Augmentation, count: int = 3) -> tuple[np.ndarray, list[str]]:
    return contact_sheet(data, crop=CROP, count=count, seed=0, augment=augment)


def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    top, left = HEADING + row * (CROP + GAP), column * (CROP + GAP)
    return sheet[top : top + CROP, left : left + CROP]


def test_geometry_alone_gives_source_and_target(data: Data) -> None:
    sheet, failed = drawn(data, Augmentation(flip=0.5, rotate90=True))
    assert sheet.shape == (HEADING + 3 * CROP + 2 * GAP, 2 * CROP + GAP, 3)
    assert failed == []
    for row in range(3):  # the source file is the target's green channel
        assert np.array_equal(cell(sheet, row, 0), np.repeat(cell(sheet, row, 1)[..., 1:2], 3, axis=2))


def test_changes_to_the_source_stand_between_the_plain_source_and_the_target(data: Data) -> None:
    plain, noisy = Augmentation(flip=0.5), Augmentation(flip=0.5, shot_noise=0.01, vignetting=0.5)
    sheet, _ = drawn(data, noisy)
    assert sheet.shape == (HEADING + 3 * CROP + 2 * GAP, 3 * CROP + 2 * GAP, 3)
    without, _ = drawn(data, plain)
    training = TrainingSet(data, crop=CROP, augment=noisy, seed=0, cache_mb=0)
    for row, key in enumerate(StepPlan(6, 6, batch_size=3, seed=0).keys(0, 0, 0, "image")):
        assert np.array_equal(cell(sheet, row, 0), cell(without, row, 0))
        assert np.array_equal(cell(sheet, row, 2), cell(without, row, 1))
        seen = from_unit(np.repeat(training[key].source.numpy(), 3, axis=0), 8)
        assert np.array_equal(cell(sheet, row, 1), seen)
        assert not np.array_equal(seen, cell(sheet, row, 0))


def test_every_column_has_its_name_above_it(data: Data) -> None:
    sheet, _ = drawn(data, Augmentation(noise=0.1))
    for column in range(3):
        heading = sheet[:HEADING, column * (CROP + GAP) :][:, :CROP]
        assert heading.max() > 150  # words on grey
    assert (sheet[HEADING + CROP : HEADING + CROP + GAP] == 128).all()


def test_a_file_that_cannot_be_read_is_named_once(data: Data) -> None:
    broken = data.records()[2].source
    assert broken is not None
    broken.write_bytes(b"broken")
    sheet, failed = drawn(data, Augmentation(noise=0.1), count=6)
    assert len(failed) == 1
    assert str(broken) in failed[0]
    assert sheet.shape[0] == HEADING + 6 * (CROP + GAP) - GAP


def test_of_many_bands_the_first_is_shown(tmp_path: Path) -> None:
    bands = np.random.default_rng(0).integers(0, 256, (16, 16, 5), dtype=np.uint8)
    for side, pixels, kind in (("nir", bands, "minisblack"), ("rgb", bands[..., :3], "rgb")):
        (tmp_path / side).mkdir()
        tifffile.imwrite(tmp_path / side / "a.tif", pixels, photometric=kind, planarconfig="contig")
    data = open_data([str(tmp_path)], task="nir2rgb", val_share=0, test_share=0)
    sheet, _ = drawn(data, Augmentation(flip=0.0), count=1)
    assert np.array_equal(cell(sheet, 0, 0), np.repeat(bands[..., :1], 3, axis=2))


def test_files_are_measured_once_however_many_columns_there_are(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    monkeypatch.setattr("nirgan.data.dataset.check_sizes", lambda records, *_: looks.append(len(records)))
    drawn(data, Augmentation(shot_noise=0.01))
    assert looks == [6]
