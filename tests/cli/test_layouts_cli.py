"""The same two scenes in every layout that holds pairs: each command sees, measures and shows the same of them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from command_line import Nirgan

from nirgan.data.synth import render
from nirgan.inference.collect import find_inputs

SIDE = 192
SCENES = {"a": 0, "b": 4}
OTHERS = ["shards", "bands", "halves"]


@pytest.fixture
def folders(nirgan: Nirgan, tmp_path: Path) -> Path:
    """``pairs/``, ``bands/`` and ``halves/``, by OpenCV and tifffile, and ``shards/`` of the first."""
    for name, index in SCENES.items():
        scene = render(2, index, height=SIDE, width=SIDE)
        nir, rgb = (np.rint(picture * 255).astype(np.uint8) for picture in (scene.nir, scene.rgb))
        written = {"pairs/nir": nir, "pairs/rgb": rgb[..., ::-1], "halves": np.hstack([rgb[..., ::-1], _grey(nir)])}
        for place, pixels in written.items():
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(tmp_path / place / f"{name}.png"), pixels)
        (tmp_path / "bands").mkdir(exist_ok=True)
        bands, kind = np.dstack([rgb, nir]), {"photometric": "rgb", "planarconfig": "contig"}
        tifffile.imwrite(tmp_path / "bands" / f"{name}.tif", bands, extrasamples=["unspecified"], **kind)
    return tmp_path


def _grey(nir: np.ndarray) -> np.ndarray:
    return np.repeat(nir[..., None], 3, axis=2)


@pytest.fixture(params=OTHERS)
def other(request: pytest.FixtureRequest, nirgan: Nirgan, folders: Path) -> str:
    if request.param == "shards":
        pytest.importorskip("webdataset")
        assert nirgan("data", "shard", "pairs", "--out", "shards").code == 0
    return request.param


def test_inspect(nirgan: Nirgan, other: str) -> None:
    one, two = (json.loads(nirgan("data", "inspect", place, "--json").out) for place in ("pairs", other))
    assert two["count"] == one["count"] == 2
    assert two["pairing"] == one["pairing"] == "registered"
    assert [problem["kind"] for problem in two["problems"]] == [problem["kind"] for problem in one["problems"]]
    for ours, theirs in zip(two["pairs"], one["pairs"], strict=True):
        assert ours.pop("key").partition("/")[2] == theirs.pop("key").partition("/")[2]
        assert ours == pytest.approx(theirs, abs=1e-3)
    headers = json.loads(nirgan("data", "inspect", other, "--headers", "--json").out)
    assert (headers["count"], headers["problems"]) == (2, [])


def test_align(nirgan: Nirgan, folders: Path, other: str) -> None:
    tables = []
    for place in ("pairs", other):
        assert nirgan("data", "align", place, "--out", f"{place}-aligned", "--workers", 0).code in (0, 1)
        with (folders / f"{place}-aligned" / "transforms.csv").open() as file:
            tables.append(list(csv.DictReader(file)))
    one, two = tables
    for ours, theirs in zip(two, one, strict=True):
        assert (ours["name"], ours["status"]) == (theirs["name"], theirs["status"])
        for cell in ("m00", "m01", "m02", "m10", "m11", "m12", "confidence"):
            assert float(ours[cell]) == pytest.approx(float(theirs[cell]), abs=1e-2)
    aligned = folders / f"{other}-aligned"
    assert len(list(aligned.rglob("nir/*"))) == sum(row["status"] == "aligned" for row in two)


def test_split(nirgan: Nirgan, other: str) -> None:
    made = []
    for place in ("pairs", other):
        told = nirgan("data", "split", place, "--by", "duplicates", "--out", f"{place}.csv", "--json")
        assert told.code == 0, told.err
        made.append({name: json.loads(told.out)[name] for name in ("train", "val", "test", "scenes")})
    assert made[0] == made[1]


@pytest.mark.parametrize("task", ["nir2rgb", "gray2rgb"])
def test_preview(nirgan: Nirgan, folders: Path, other: str, task: str) -> None:
    for place in ("pairs", other):
        shown = ("--data", place, "--task", task, "--crop", 64, "--count", 2, "--out", f"{place}.png")
        told = nirgan("data", "preview", *shown)
        assert told.code == 0, told.err
    assert np.array_equal(*(cv2.imread(str(folders / f"{place}.png")) for place in ("pairs", other)))


def test_pairs_of_two_sizes_stay_pairs_in_shards(nirgan: Nirgan, folders: Path) -> None:
    pytest.importorskip("webdataset")
    for path in (folders / "pairs" / "nir").iterdir():
        small = cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), (SIDE // 2, SIDE // 2))
        assert cv2.imwrite(str(path), small)
    assert nirgan("data", "shard", "pairs", "--out", "shards").code == 0
    for place in ("pairs", "shards"):
        shown = ("--data", place, "--pairing", "unregistered", "--crop", 64, "--count", 2, "--out", f"{place}.png")
        assert nirgan("data", "preview", *shown).code == 0
        result = json.loads(nirgan("data", "inspect", place, "--json").out)
        assert [problem["kind"] for problem in result["problems"] if "size" in problem["kind"]] == ["different sizes"]
    assert np.array_equal(*(cv2.imread(str(folders / f"{place}.png")) for place in ("pairs", "shards")))


def test_translate_says_what_shards_are_for(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "shard-000000.tar").write_bytes(b"")
    ((_, why),) = find_inputs([tmp_path / "shards"], tmp_path / "out").failed
    assert "name the folder that they were packed from" in why
