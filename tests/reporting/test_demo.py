"""The demonstration does the whole main job and leaves what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nirgan.config import read_yaml
from nirgan.data.files import read_picture
from nirgan.errors import NirganError
from nirgan.reporting.demo import run_demo


def test_demo_trains_scores_translates_and_compares(tmp_path: Path) -> None:
    said: list[str] = []
    result = run_demo(tmp_path / "demo", preset="tiny", minutes=0.02, pictures=2, say=said.append)
    assert [line[:3] for line in said] == ["1/4", "2/4", "3/4", "4/4"]
    sheet = read_picture(result["comparison"]).pixels
    assert sheet.shape == (2 * 192 + 6, 3 * 256 + 2 * 6, 3)
    source = read_picture(sorted((tmp_path / "demo" / "new" / "nir").iterdir())[0]).pixels
    assert (sheet[:192, :256] == source).all()
    assert len(result["translate"]["written"]) == 2
    config = read_yaml(tmp_path / "demo" / "run" / "config.yaml")
    assert (config["model"], config["options"]["working_size"]) == ("nirgan-base", 192)
    assert result["evaluate"]["metrics"]["psnr"]["mean"] > 5
    assert json.loads(json.dumps(result, default=str))["run"] == str(tmp_path / "demo" / "run")


def test_demo_takes_another_model_with_what_suits_it(tmp_path: Path) -> None:
    result = run_demo(tmp_path / "demo", model="pix2pix", preset="tiny", minutes=0.02, pictures=1)
    config = read_yaml(Path(result["run"]) / "config.yaml")
    assert (config["model"], config["crop"]) == ("pix2pix", 128)
    assert config["optimiser"]["lr"] == 4e-4


def test_demo_leaves_an_existing_folder_alone(tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="exists already"):
        run_demo(tmp_path)
