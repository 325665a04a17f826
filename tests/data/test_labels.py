"""Labels: folders name them, samples and batches carry them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nirgan.config.schema import Augmentation
from nirgan.data import SampleKey, TrainingSet, open_data
from nirgan.data.sample import LABEL, collate
from nirgan.testing.pictures import synthetic_batch

Write = Callable[[Path, np.ndarray], None]


def photographs(folder: Path, names: list[str], write: Write) -> Path:
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8)
        write(folder / f"{name}.png", pixels)
    return folder


def training_set(folder: Path) -> TrainingSet:
    data = open_data([str(folder)], task="gray2rgb", val_share=0, test_share=0)
    return TrainingSet(data, crop=16, augment=Augmentation(), seed=0, cache_mb=8)


def labels(training: TrainingSet) -> list[str]:
    return [training[SampleKey("image", 0, n, n)].extras[LABEL] for n in range(len(training.sources))]


def test_a_photographs_folder_is_its_label(tmp_path: Path, write: Write) -> None:
    folder = photographs(tmp_path / "photos", ["beach/a", "beach/b", "forest/a"], write)
    training = training_set(folder)
    assert labels(training) == ["beach", "beach", "forest"]
    whole = training.data.sample(training.sources[2])
    assert (whole.category, whole.extras[LABEL]) == ("forest", "forest")


def test_the_folder_below_a_split_is_the_label(tmp_path: Path, write: Write) -> None:
    folder = photographs(tmp_path / "photos", ["train/beach/a", "train/forest/b", "test/beach/c"], write)
    assert labels(training_set(folder)) == ["beach", "forest"]


def test_pictures_without_a_folder_have_an_empty_label(tmp_path: Path, write: Write) -> None:
    folder = photographs(tmp_path / "photos", ["a", "forest/b"], write)
    training = training_set(folder)
    assert labels(training) == ["", "forest"]
    batch = collate([training[SampleKey("image", 0, n, n)] for n in (1, 0)], "image")
    assert batch[LABEL] == ["forest", ""]


@pytest.mark.parametrize("view", ["image", "unpaired"])
def test_a_pairs_label_is_that_of_its_source(view: str, tmp_path: Path, write_pairs: Callable[..., Path]) -> None:
    folder = write_pairs(tmp_path / "pairs", ["field/a", "water/a"])
    data = open_data([str(folder)], task="nir2rgb", val_share=0, test_share=0)
    training = TrainingSet(data, crop=16, augment=Augmentation(), seed=0, cache_mb=8)
    other = 1 if view == "unpaired" else 0
    assert training[SampleKey(view, 0, 0, other)].extras[LABEL] == "field"


def test_built_in_scenes_are_labelled() -> None:
    assert synthetic_batch(3, 16)[LABEL] == ["country", "field", "forest"]
    assert synthetic_batch(1, 16, extras={LABEL: "told"})[LABEL] == ["told"]
