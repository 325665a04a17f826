"""What a run is refused for before its first batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirgan.config import resolve_config
from nirgan.data.synth import write_scenes
from nirgan.errors import NirganError
from nirgan.training import train


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checks") / "scenes"
    write_scenes(folder, 6, size=(40, 48))
    return folder


def test_a_paired_recipe_does_not_take_unpaired_data(scenes: Path, tmp_path: Path) -> None:
    config = resolve_config(
        {"model": "pix2pix", "preset": "tiny", "steps": 1, "data": [str(scenes)], "pairing": "unpaired"}
    )
    with pytest.raises(NirganError, match=r"pix2pix takes registered data.*unpaired.*asym-cyclegan"):
        train(config, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_option_that_narrows_the_pairings_counts(scenes: Path, tmp_path: Path) -> None:
    given = {"model": "asym-cyclegan", "preset": "tiny", "steps": 1, "data": [str(scenes)], "pairing": "unpaired"}
    with pytest.raises(NirganError, match="asym-cyclegan takes registered data"):
        train(resolve_config({**given, "options": {"lambda_paired_l1": 1.0}}), out=tmp_path / "narrowed")
    assert train(resolve_config(given), out=tmp_path / "run").steps == 1


def test_a_crop_larger_than_the_smallest_picture(scenes: Path, tmp_path: Path) -> None:
    config = resolve_config(
        {"model": "pix2pix", "preset": "tiny", "steps": 1, "data": [str(scenes)], "crop": 64, "options": {"width": 8}}
    )
    with pytest.raises(NirganError, match="crop"):
        train(config, out=tmp_path / "run")
