"""``nirgan data split`` as people and scripts call it."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import Nirgan
from typer.testing import CliRunner

from nirgan.cli.data import group
from nirgan.data import open_data
from nirgan.errors import NirganError


def picture(seed: int, channels: int = 3) -> np.ndarray:
    """A smooth picture that has nothing in common with that of another seed."""
    grid = np.random.default_rng(seed).uniform(0, 255, (12, 12, channels)).astype(np.float32)
    return cv2.resize(grid, (48, 48), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten photographs, each in three files with names that do not tell: a PNG, its copy, and a JPEG."""
    for seed in range(10):
        for side, pixels in (("nir", picture(100 + seed, 1)), ("rgb", picture(seed))):
            (tmp_path / "set" / side).mkdir(parents=True, exist_ok=True)
            for version, suffix in enumerate(("png", "png", "jpg")):
                name = f"{(7 * (3 * seed + version)) % 30:02d}"  # 7 has no factor in common with 30
                assert cv2.imwrite(str(tmp_path / "set" / side / f"{name}.{suffix}"), pixels)
    return tmp_path / "set"


def photograph(name: str) -> int:
    """The seed of a file's picture: 13 · 7 = 91 = 1 (mod 30)."""
    return (13 * int(name)) % 30 // 3


def call(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(group, ["split", *map(str, arguments)])
    if isinstance(result.exception, NirganError):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def broken(folder: Path) -> None:
    """Leave no picture in a folder that can be read."""
    for file in folder.rglob("*.*g"):
        file.write_bytes(b"broken")


def test_near_duplicates_come_into_one_part(folder: Path) -> None:
    out = folder / "split.csv"
    result = json.loads(call(folder, "--out", out, "--json"))
    assert result == {
        "written": str(out),
        "by": "duplicates",
        "train": 24,
        "val": 3,
        "test": 3,
        "scenes": 10,
        "failed": [],
    }
    rows = rows_of(out)
    assert list(rows[0]) == ["set", "name", "category", "scene", "split"]
    for column in ("scene", "split"):
        of = {photograph(row["name"]): row[column] for row in rows}
        assert all(of[photograph(row["name"])] == row[column] for row in rows)
    assert len({row["scene"] for row in rows}) == 10
    data = open_data([str(folder)], task="nir2rgb", count_channels=False)
    assert (len(data.records("val")), data.warn_if_split_made) == (3, "")


def test_the_seed_decides_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    contents = []
    for number, seed in enumerate((0, 0, 1)):
        call(folder, "--out", tmp_path / f"{number}.csv", "--seed", seed)
        contents.append((tmp_path / f"{number}.csv").read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_scenes_that_were_found_are_known_to_the_next_split(folder: Path) -> None:
    out = folder / "split.csv"
    call(folder, "--out", out)
    before = {row["name"]: row["scene"] for row in rows_of(out)}
    broken(folder)
    result = json.loads(call(folder, "--out", out, "--overwrite", "--seed", 3, "--test-share", 0.3, "--json"))
    assert (result["by"], result["scenes"], result["test"]) == ("scene", 10, 9)
    assert {row["name"]: row["scene"] for row in rows_of(out)} == before


def test_scenes_are_named_in_a_file(folder: Path, tmp_path: Path) -> None:
    names = sorted(path.stem for path in (folder / "nir").iterdir())
    lines = [f"{name},{photograph(name)},{'water' if photograph(name) < 5 else 'wood'}\n" for name in names]
    (tmp_path / "scenes.csv").write_text("name,scene,category\n" + "".join(lines))
    broken(folder)
    given = ("--scenes", tmp_path / "scenes.csv", "--val-share", 0.2, "--test-share", 0.2)
    assert json.loads(call(folder, "--out", tmp_path / "out.csv", *given, "--json"))["by"] == "scene"
    counts = Counter((row["category"], row["split"]) for row in rows_of(tmp_path / "out.csv"))
    assert counts == {
        (category, split): 9 if split == "train" else 3
        for category in ("water", "wood")
        for split in ("train", "val", "test")
    }
    (tmp_path / "scenes.csv").write_text("name,scene\n" + "".join(f"{name},x\n" for name in names[:-1]))
    with pytest.raises(NirganError, match=r"1 of 30 pictures have no scene, first: set/29"):
        call(folder, "--out", tmp_path / "o.csv", "--by", "scene", "--scenes", tmp_path / "scenes.csv")


def test_by_picture_looks_at_none(folder: Path) -> None:
    broken(folder)
    result = json.loads(call(folder, "--out", folder / "split.csv", "--by", "picture", "--json"))
    assert (result["train"], result["val"], result["test"], result["scenes"]) == (24, 3, 3, 30)
    assert {row["scene"] for row in rows_of(folder / "split.csv")} == {""}


def test_by_picture_a_file_under_two_names_is_refused(folder: Path) -> None:
    for name in range(1, 30):
        for file in (folder / "rgb").glob(f"{name:02d}.*"):
            file.unlink()
        (folder / "rgb" / f"{name:02d}.png").symlink_to(next((folder / "rgb").glob("00.*")))
    with pytest.raises(NirganError, match=r"split\.csv: one file is in train .*--by duplicates"):
        call(folder, "--out", folder / "split.csv", "--by", "picture")
    assert not (folder / "split.csv").exists()


def test_a_picture_that_cannot_be_read_is_split_named_and_makes_the_exit_code_1(folder: Path) -> None:
    (folder / "nir" / "00.png").write_bytes(b"broken")
    result = json.loads(call(folder, "--out", folder / "split.csv", "--json", code=1))
    assert len(result["failed"]) == 1
    assert "00.png" in result["failed"][0]
    assert len(rows_of(folder / "split.csv")) == 30


def test_a_large_group_is_named(nirgan: Nirgan, folder: Path) -> None:
    same = picture(0)
    for name in range(12):
        for file in (folder / "rgb").glob(f"{name:02d}.*"):
            cv2.imwrite(str(file), same)
    ended = nirgan("data", "split", folder, "--out", folder / "split.csv")
    assert ended.code == 0
    assert "pictures look alike and stay together as 'set/00'" in ended.err


def test_the_folders_own_split_is_left_aside_and_that_is_said(nirgan: Nirgan, folder: Path, tmp_path: Path) -> None:
    (folder / "split.csv").write_text("set,name,scene,split\nset,00,lake,train\nset,01,lake,test\n")  # it leaks
    ended = nirgan("data", "split", folder, "--out", tmp_path / "out.csv")
    assert ended.code == 0
    assert "its split is left aside" in ended.err
    assert len(rows_of(tmp_path / "out.csv")) == 30
    assert {row["scene"] for row in rows_of(tmp_path / "out.csv") if row["name"] in ("00", "01")} == {"lake"}


# --- checking one -------------------------------------------------------------------------------------------------


def test_a_split_without_leaks_passes_its_check(folder: Path) -> None:
    call(folder, "--out", folder / "split.csv")
    result = json.loads(call(folder, "--check", folder / "split.csv", "--json"))
    assert (result["checked"], result["scenes"], result["failed"]) == (str(folder / "split.csv"), 10, [])
    assert "no scene, file or near-duplicate is in two parts" in call(folder, "--check", folder / "split.csv")


def test_a_check_finds_near_duplicates_between_the_parts(nirgan: Nirgan, folder: Path) -> None:
    out = folder / "split.csv"
    names = sorted(path.stem for path in (folder / "nir").iterdir())
    split = {name: "test" if photograph(name) == 4 else "train" for name in names}
    split[next(name for name in names if photograph(name) == 4)] = "val"
    out.write_text("set,name,split\n" + "".join(f"set,{name},{part}\n" for name, part in split.items()))
    words = nirgan("data", "split", folder, "--check", out, "--json").refused
    assert words.startswith(f"{out}: near-duplicates: scene 'set/")
    assert "is in val (" in words
    assert "and in test (" in words


def test_a_check_finds_scenes_without_looking(nirgan: Nirgan, folder: Path) -> None:
    broken(folder)
    (folder / "split.csv").write_text("set,name,scene,split\nset,00,lake,train\nset,01,lake,test\n")
    words = nirgan("data", "split", folder, "--check", folder / "split.csv").refused
    assert "split.csv: scene 'lake' is in train (" in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "either --out FILE, to write a split, or --check FILE"),
        (("--out", "a.csv", "--check", "b.csv"), "either --out FILE"),
        (("--check", "b.csv", "--by", "scene"), "leave --by and --scenes out"),
        (("--out", "a.csv", "--by", "picture", "--scenes", "b.csv"), "leave --scenes out"),
        (("--out", "a.csv", "--by", "scenes"), "--by scenes; did you mean 'scene'"),
        (("--out", "there.csv"), "there.csv is already there"),
        (("--check", "absent.csv"), "absent.csv: cannot be read"),
    ],
)
def test_wrong_use_is_refused_in_words(nirgan: Nirgan, folder: Path, arguments: tuple[str, ...], words: str) -> None:
    Path("there.csv").write_text("kept")
    assert words in nirgan("data", "split", folder, *arguments).refused
    assert Path("there.csv").read_text() == "kept"
