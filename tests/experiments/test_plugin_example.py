"""The example plug-in, as if installed: listed unloaded, trained, translated with, conforming."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import Nirgan

from nirgan.data.files import read_picture
from nirgan.data.synth import write_scenes
from nirgan.registry import GENERATORS, MODELS
from nirgan.testing import conformance

EXAMPLE = Path(__file__).parents[2] / "experiments" / "plugin-example"


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The example on the path of this process and its children, with the metadata that pip would write."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project["entry-points"].items()
    lines = [line for group, points in groups for line in (f"[{group}]", *(f"{n} = {v}" for n, v in points.items()))]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    MODELS.names(), GENERATORS.names()
    with pytest.MonkeyPatch.context() as patch:
        for folder in (EXAMPLE, site):
            patch.syspath_prepend(str(folder))
            patch.setenv("PYTHONPATH", str(folder), prepend=":")
        for registry in (MODELS, GENERATORS):  # other tests shall not meet what is loaded here
            patch.setattr(registry, "_entries", dict(registry._entries))
        yield


def test_is_short() -> None:
    lines = [line for file in EXAMPLE.rglob("*.py") for line in file.read_text(encoding="utf-8").splitlines()]
    assert 20 < len(lines) < 60


def test_is_listed_without_being_imported() -> None:
    code = (
        "import sys; from nirgan.cli.app import main; sys.argv = ['nirgan', 'models', 'list', '--json']\n"
        "try: main()\n"
        "finally: print('nirgan_dilated' in sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rows = {row["name"]: row for row in json.loads(done.stdout)["models"]}
    assert rows["dilated-l1"]["plugin"] == "nirgan_dilated:DilatedL1"
    assert done.stderr.split() == ["False"]


def test_offers_its_generator() -> None:
    assert "dilated" in GENERATORS.plugins()
    assert GENERATORS.build("dilated", 1, 3, width=4, depth=2).radius == 3


def test_trains_and_translates_on_the_command_line(nirgan: Nirgan, tmp_path: Path) -> None:
    write_scenes(tmp_path / "scenes", 10, size=(40, 50))
    trained = nirgan("train", "--model", "dilated-l1", "--preset", "tiny", "--data", "scenes", "--steps", "1", "--json")
    assert trained.code == 0, trained.err
    result = json.loads(trained.out)
    assert result["steps"] == 1
    translated = nirgan("translate", "scenes/nir", "--weights", result["run"], "--out", "colour")
    assert translated.code == 0, translated.err
    files = sorted((tmp_path / "colour").rglob("*.png"))
    assert len(files) == 10
    picture = read_picture(files[0]).pixels
    assert picture.shape == (40, 50, 3)
    assert np.ptp(picture) > 0


TestDilated = conformance("dilated-l1")
