"""Pairs and runs that may be spoilt."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pairs of 40×48."""
    from nirgan.data.synth import write_scenes

    folder = tmp_path_factory.mktemp("bad") / "scenes"
    write_scenes(folder, 8, size=(40, 48))
    return folder


@pytest.fixture
def pairs(scenes: Path, tmp_path: Path) -> Path:
    """A copy of the pairs."""
    return Path(shutil.copytree(scenes, tmp_path / "pairs"))


@pytest.fixture(scope="session")
def trained(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs of two steps: ``pix2pix`` and ``asym-cyclegan``."""
    from nirgan.config import resolve_config
    from nirgan.monitoring.progress import Silent
    from nirgan.training import train

    folder = tmp_path_factory.mktemp("trained")
    for model in ("pix2pix", "asym-cyclegan"):
        settings = {"model": model, "preset": "tiny", "steps": 2, "data": [str(scenes)], "device": "cpu"}
        quick = {"validation": {"images": 1}, "logging": {"samples": 1}}
        train(resolve_config({**settings, **quick}), out=folder / model, progress=Silent())
    return folder


@pytest.fixture
def runs(trained: Path, tmp_path: Path) -> Path:
    """The working folder with a copy of the runs."""
    return Path(shutil.copytree(trained, tmp_path, dirs_exist_ok=True))
