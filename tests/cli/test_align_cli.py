"""``nirgan data align`` as people and scripts call it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from shutil import copyfile

import cv2
import numpy as np
import pytest
from command_line import Nirgan

from nirgan.data.open import open_data
from nirgan.data.synth import render
from nirgan.lock import alone

HEIGHT, WIDTH = 160, 208
CAMERA = {"shift_px": 6.0, "rotation_deg": 3.0, "scale": 1.03}


def write_scene(folder: Path, name: str, index: int, *, depth: int = 8, **camera: float) -> np.ndarray:
    """A scene as two cameras see it, written by OpenCV; gives the matrix (3×3) from colour to NIR pixels."""
    scene = render(2, index, height=HEIGHT, width=WIDTH, **camera)
    largest, kind = (4095, np.uint16) if depth == 16 else (255, np.uint8)
    for side, picture in (("nir", scene.nir), ("rgb", scene.rgb[..., ::-1])):
        path = folder / side / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.rint(picture * largest).astype(kind))
    return np.vstack([scene.matrix, [0, 0, 1]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A country and an urban scene, in folders of their categories."""
    write_scene(tmp_path / "cameras", "country/a", 0, **CAMERA)
    write_scene(tmp_path / "cameras", "urban/b", 4, **CAMERA)
    return tmp_path / "cameras"


def test_pairs_are_registered_and_what_was_done_is_written(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*.png")}
    ended = nirgan("data", "align", folder, "--out", tmp_path / "out", "--workers", 0, "--json")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert (result["count"], result["aligned"], result["refused"], result["failed"]) == (2, 2, [], [])
    assert {path: path.read_bytes() for path in folder.rglob("*.png")} == before

    data = open_data([str(tmp_path / "out")], task="nir2rgb")
    assert data.pairing == "registered"
    assert {record.category for record in data.records()} == {"country", "urban"}
    for record in data.records():
        sample = data.sample(record)  # of one size, else it would be refused
        assert sample.source.shape[0] == 1
        note = json.loads((tmp_path / "out" / "alignment" / f"{record.name}.json").read_text())
        left, top, width, height = note["rectangle"]
        assert tuple(sample.source.shape[1:]) == (height, width)
        original = cv2.imread(str(folder / "rgb" / f"{record.name}.png"))[top : top + height, left : left + width]
        assert np.array_equal(cv2.imread(str(record.target)), original)

    with (tmp_path / "out" / "transforms.csv").open() as file:
        rows = list(csv.DictReader(file))
    for row, (name, index) in zip(rows, [("country/a", 0), ("urban/b", 4)], strict=True):
        assert (row["name"], row["status"]) == (name, "aligned")
        found = np.array([float(row[f"m{i}{j}"]) for i in range(3) for j in range(3)]).reshape(3, 3)
        true = write_scene(tmp_path / "again", name, index, **CAMERA)
        corners = np.array([(x, y, 1) for x in (0, WIDTH - 1) for y in (0, HEIGHT - 1)])
        distances = [(found @ c)[:2] / (found @ c)[2] - (true @ c)[:2] for c in corners]
        assert np.linalg.norm(distances, axis=1).mean() < 1
        assert float(row["correlation_after"]) > float(row["correlation_before"])
        assert float(row["confidence"]) >= 0.5


def test_what_is_done_is_not_done_again(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def again(*more: object) -> dict[str, int]:
        ended = nirgan("data", "align", folder, "--out", out, "--workers", 0, "--json", *more)
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    assert again()["kept"] == 0
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert again()["kept"] == 2
    # Under another name of the folder, too; then keys are those of now.
    renamed = folder.rename(folder.with_name("renamed"))
    ended = nirgan("data", "align", renamed, "--out", out, "--workers", 0, "--json")
    assert json.loads(ended.out)["kept"] == 2
    assert "cameras/" not in (out / "transforms.csv").read_text()
    renamed.rename(folder)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.png")} == times

    (out / "nir" / "urban" / "b.png").unlink()  # as after a kill between the two pictures
    assert again()["kept"] == 1
    assert (out / "nir" / "urban" / "b.png").is_file()

    write_scene(folder, "country/a", 6, **CAMERA)  # another picture under the old name
    assert again()["kept"] == 1
    assert again("--model", "translation", "--least-confidence", 0)["kept"] == 0


def test_a_broken_file_and_two_strangers_stop_nobody(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    write_scene(folder, "urban/broken", 10)
    (folder / "nir" / "urban" / "broken.png").write_bytes(b"no picture")
    write_scene(folder, "urban/strangers", 10)
    other = folder / "nir" / "country" / "a.png"
    (folder / "nir" / "urban" / "strangers.png").write_bytes(other.read_bytes())
    ended = nirgan("data", "align", folder, "--out", tmp_path / "out", "--workers", 0)
    ended.failed("urban/broken", "urban/strangers")
    assert "2 of 4 pairs aligned" in ended.err
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert written == ["nir/country/a.png", "nir/urban/b.png", "rgb/country/a.png", "rgb/urban/b.png"]
    with (tmp_path / "out" / "transforms.csv").open() as file:
        states = {row["name"]: row["status"] for row in csv.DictReader(file)}
    assert states == {
        "country/a": "aligned",
        "urban/b": "aligned",
        "urban/broken": "failed",
        "urban/strangers": "refused",
    }


def test_pictures_without_partner_stop_nobody(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    write_scene(folder, "urban/half", 10)
    (folder / "rgb" / "urban" / "half.png").unlink()
    write_scene(folder, "other", 10)
    (folder / "nir" / "other.png").unlink()
    ended = nirgan("data", "align", folder, "--out", tmp_path / "out", "--workers", 0, "--json")
    ended.failed("cameras/urban/half: there is no colour picture", "cameras/other: there is no near-infrared picture")
    result = json.loads(ended.out)
    assert (result["count"], result["aligned"], result["failed"]) == (4, 2, [])
    assert [refused["key"] for refused in result["refused"]] == ["cameras/other", "cameras/urban/half"]
    with (tmp_path / "out" / "transforms.csv").open() as file:
        states = {row["key"]: row["status"] for row in csv.DictReader(file)}
    assert states["cameras/urban/half"] == states["cameras/other"] == "refused"
    assert len(list((tmp_path / "out").rglob("*.png"))) == 4

    for path in (folder / "nir").rglob("*.png"):
        path.rename(path.with_stem(f"other_{path.stem}"))
    words = nirgan("data", "align", folder, "--out", tmp_path / "none", "--workers", 0).refused
    assert "no pair to align" in words
    assert not (tmp_path / "none").exists()
    for option in ("--pairing", "--task", "--data"):  # the command has none of these
        assert option not in words


def test_what_is_left_of_pairs_that_are_no_more_is_said(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    align = ("data", "align", folder, "--out", tmp_path / "out", "--workers", 0, "--json")
    assert json.loads(nirgan(*align).out)["strays"] == []
    for side in ("nir", "rgb"):
        (folder / side / "urban" / "b.png").rename(folder / side / "urban" / "c.1.png")
    ended = nirgan(*align)
    left = str(tmp_path / "out" / "nir" / "urban" / "b.png")
    assert json.loads(ended.out)["strays"] == [left]
    assert f"first: {left}; remove them" in ended.err
    assert (json.loads(ended.out)["count"], json.loads(ended.out)["kept"]) == (2, 1)


def test_photographs_alone_are_refused_without_options_that_are_none(nirgan: Nirgan, tmp_path: Path) -> None:
    write_scene(tmp_path / "cameras", "a", 0)
    words = nirgan("data", "align", tmp_path / "cameras" / "rgb", "--out", tmp_path / "out").refused
    assert "no NIR pictures" in words
    assert "--" not in words


def test_sixteen_bits_stay_sixteen(nirgan: Nirgan, tmp_path: Path) -> None:
    write_scene(tmp_path / "cameras", "a", 0, depth=16, **CAMERA)
    assert nirgan("data", "align", tmp_path / "cameras", "--out", tmp_path / "out", "--workers", 0).code == 0
    for side in ("nir", "rgb"):
        original = cv2.imread(str(tmp_path / "cameras" / side / "a.png"), cv2.IMREAD_UNCHANGED)
        written = cv2.imread(str(tmp_path / "out" / side / "a.png"), cv2.IMREAD_UNCHANGED)
        assert written.dtype == np.uint16
        assert original.min() <= written.min()
        assert written.max() <= original.max() <= 4095


def test_several_processes_write_what_one_does(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    for workers in (0, 2):
        ended = nirgan("data", "align", folder, "--out", tmp_path / f"out{workers}", "--workers", workers)
        assert ended.code == 0, ended.err
    for path in (tmp_path / "out0").rglob("*.png"):
        assert (tmp_path / "out2" / path.relative_to(tmp_path / "out0")).read_bytes() == path.read_bytes()


def test_the_split_is_carried_over(nirgan: Nirgan, tmp_path: Path) -> None:
    for name, index in (("a", 0), ("b", 4)):
        write_scene(tmp_path / "sets" / "one", name, index)
    write_scene(tmp_path / "sets" / "two", "a", 6)
    (tmp_path / "sets" / "split.csv").write_text(
        "set,name,category,scene,split\none,a,country,s1,train\none,b,urban,s2,test\ntwo,a,country,s1,train\n"
        "two,refused,country,s3,val\n"
    )
    write_scene(tmp_path / "sets" / "two", "refused", 8)
    copyfile(tmp_path / "sets" / "two" / "nir" / "a.png", tmp_path / "sets" / "two" / "nir" / "refused.png")
    assert nirgan("data", "align", tmp_path / "sets", "--out", tmp_path / "out", "--workers", 0).code == 1
    assert "refused" not in (tmp_path / "out" / "split.csv").read_text()
    data = open_data([str(tmp_path / "out")], task="nir2rgb")
    found = {record.key: (record.category, record.scene, record.split) for record in data.records()}
    assert found == {
        "one/country/a": ("country", "s1", "train"),
        "one/urban/b": ("urban", "s2", "test"),
        "two/country/a": ("country", "s1", "train"),
    }


def test_originals_are_out_of_reach(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    for out in (folder, folder / "aligned", folder / ".." / "cameras"):
        assert "lies in" in nirgan("data", "align", folder, "--out", out).refused
    assert not (folder / "aligned").exists()
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "holiday.png").write_bytes(b"mine")
    assert "holds other things" in nirgan("data", "align", folder, "--out", tmp_path / "taken").refused


def test_two_calls_at_once_keep_apart(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    with alone(tmp_path / "out"):
        words = nirgan("data", "align", folder, "--out", tmp_path / "out", "--workers", 0).refused
    assert f"{tmp_path / 'out'}: another process is writing there" in words
    assert list((tmp_path / "out").iterdir()) == []


def test_wrong_use_is_answered_in_one_line(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    refused = nirgan("data", "align", folder, "--out", tmp_path / "out", "--model", "afine").refused
    assert "did you mean 'affine'" in refused
    assert "missing" in nirgan("data", "align", tmp_path / "missing", "--out", tmp_path / "out").refused
    for path in (folder / "nir").rglob("*.png"):
        path.write_bytes(b"no picture")
    assert "a.png" in nirgan("data", "align", folder, "--out", tmp_path / "out", "--workers", 0).refused
