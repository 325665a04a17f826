"""Leaks: what is one, and that none gets past where a split is read or made."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import Nirgan

from nirgan.config import RunConfig
from nirgan.data import Pairing, Record, open_data
from nirgan.data.leaks import find_leaks, refuse_leaks, sharing_a_file
from nirgan.data.split import make_split
from nirgan.errors import NirganError
from nirgan.reporting.own import open_own

NAMES = [f"{i:02d}" for i in range(10)]
COLUMNS = "set,name,category,scene,split\n"


def record(name: str, split: str = "", scene: str = "", folder: Path = Path("x")) -> Record:
    return Record("s", name, folder / f"{name}-nir", folder / f"{name}-rgb", scene=scene, split=split)


# --- what is one --------------------------------------------------------------------------------------------------


def test_a_scene_in_two_parts_leaks_and_its_files_are_named() -> None:
    records = [
        record("a", "train", "lake"),
        record("b", "test", "lake"),
        record("c", "train", "wood"),
        record("d", "train", "wood"),
        record("e", "val"),
        record("f", "test"),
        record("g", "", "wood"),
    ]
    (leak,) = find_leaks(records)
    assert leak.what == "scene 'lake'"
    assert leak.files == {"train": [Path("x/a-nir")], "test": [Path("x/b-nir")]}
    assert str(leak) == "scene 'lake' is in train (x/a-nir) and in test (x/b-nir)"
    assert find_leaks(records[2:]) == []


def test_a_link_leads_to_the_same_file_and_a_copy_does_not(tmp_path: Path) -> None:
    for name in ("a-nir", "a-rgb", "b-nir", "c-nir"):
        (tmp_path / name).write_bytes(b"the same content")
    (tmp_path / "b-rgb").symlink_to(tmp_path / "a-rgb")
    os.link(tmp_path / "a-nir", tmp_path / "c-rgb")
    a, b, c = (record(name, folder=tmp_path) for name in "abc")

    def leaks(**splits: str) -> list[dict[str, list[Path]]]:
        split = [replace(r, split=splits[r.name]) for r in (a, b, c)]
        return [dict(leak.files) for leak in find_leaks(split)]

    assert leaks(a="train", b="train", c="train") == []
    assert leaks(a="train", b="val", c="train") == [{"train": [tmp_path / "a-rgb"], "val": [tmp_path / "b-rgb"]}]
    assert leaks(a="train", b="train", c="test") == [{"train": [tmp_path / "a-nir"], "test": [tmp_path / "c-rgb"]}]
    assert len(leaks(a="train", b="val", c="test")) == 2
    assert sorted(map(sorted, sharing_a_file([a, b, c]))) == [["s/a", "s/b"], ["s/a", "s/c"]]


def test_two_sides_in_one_file_and_files_that_are_gone_are_no_leak(tmp_path: Path) -> None:
    (tmp_path / "both").write_bytes(b"x")
    both = Record("s", "1", tmp_path / "both", tmp_path / "both", split="train", region="left-right")
    assert find_leaks([both, record("2", "test")]) == []
    assert sharing_a_file([both]) == []


def test_words_count_what_leaks_and_say_what_to_do() -> None:
    records = [record(f"{scene}{split}", split, scene) for scene in "ab" for split in ("train", "val", "test")]
    with pytest.raises(NirganError) as refused:
        refuse_leaks(records, "some/split.csv")
    assert str(refused.value) == (
        "some/split.csv: scene 'a' is in train (x/atrain-nir) and in val (x/aval-nir) and in test (x/atest-nir) "
        "(the first of 2 leaks), which makes scores worthless: give each scene to one part, or write another split: "
        "nirgan data split DIR --out split.csv"
    )


# --- where it is noticed ------------------------------------------------------------------------------------------


def leaking(folder: Path) -> Path:
    """A split.csv beside ten pairs, in which one scene is on both sides."""
    splits = ["train"] * 6 + ["val", "val", "test", "test"]
    scenes = [f"scene{index // 2}" for index in range(10)]
    scenes[9] = "scene1"
    lines = [f"set,{n},,{scene},{split}\n" for n, scene, split in zip(NAMES, scenes, splits, strict=True)]
    (folder / "split.csv").write_text(COLUMNS + "".join(lines))
    return folder


@pytest.fixture
def folder(tmp_path: Path, write_pairs) -> Path:
    return leaking(write_pairs(tmp_path / "set", NAMES, height=40, width=40))


def test_a_split_file_that_leaks_is_refused(folder: Path, tmp_path: Path) -> None:
    words = r"set/split\.csv: scene 'scene1' is in train \(.*02\.png, .*03\.png\) and in test \(.*09\.png\).*data split"
    for make in (True, False):
        with pytest.raises(NirganError, match=words):
            open_data([str(folder)], task="nir2rgb", make_split=make)
    elsewhere = (folder / "split.csv").rename(tmp_path / "given.csv")
    with pytest.raises(NirganError, match=r"given\.csv: scene 'scene1'"):
        open_data([str(folder)], task="nir2rgb", split_file=elsewhere)


def test_what_makes_a_split_can_open_it_and_keeps_the_scenes(folder: Path) -> None:
    data = open_data([str(folder)], task="nir2rgb", unsplit=True)
    assert {r.split for r in data.records()} == {""}
    assert [r.scene for r in data.records()][-2:] == ["scene4", "scene1"]
    assert "split.csv: its categories and scenes are kept" in data.warn_if_split_made


def test_a_file_linked_between_the_folders_of_a_split_is_refused(tmp_path: Path, write_pairs) -> None:
    for split in ("train", "test"):
        write_pairs(tmp_path / "all" / split, NAMES)
    linked = tmp_path / "all" / "test" / "rgb" / "04.png"
    open_data([str(tmp_path / "all")], task="nir2rgb")
    linked.unlink()
    linked.symlink_to(tmp_path / "all" / "train" / "rgb" / "07.png")
    with pytest.raises(NirganError, match=r"all: one file is in (train|val) \(.*07\.png\) and in test \(.*04\.png\)"):
        open_data([str(tmp_path / "all")], task="nir2rgb")


def test_folders_together_may_leak_though_none_does_alone(tmp_path: Path, write_pairs) -> None:
    for name, split in (("one", "train"), ("two", "test")):
        write_pairs(tmp_path / name, ["1"])
        (tmp_path / name / "split.csv").write_text(f"set,name,scene,split\n{name},1,lake,{split}\n")
        open_data([str(tmp_path / name)], task="nir2rgb")
    with pytest.raises(NirganError, match=r"one/split\.csv, .*two/split\.csv: scene 'lake'"):
        open_data([str(tmp_path / "one"), str(tmp_path / "two")], task="nir2rgb")


def test_the_same_folder_twice_is_a_leak(tmp_path: Path, write_pairs) -> None:
    folder = str(write_pairs(tmp_path / "set", NAMES))
    with pytest.raises(NirganError, match="one file is in"):
        open_data([folder, folder], task="nir2rgb", val_share=0.3, test_share=0.3)


def test_sides_without_partners_may_be_put_apart_by_hand(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "pools", ["1", "2"])
    rows = ["source/1,train", "source/2,test", "target/1,test", "target/2,train"]
    (folder / "split.csv").write_text("set,name,split\n" + "".join(f"pools,{row}\n" for row in rows))
    data = open_data([str(folder)], task="nir2rgb", pairing="unpaired")
    assert [(r.name, r.split) for r in data.records("test")] == [("source/2", "test"), ("target/1", "test")]
    assert data.pairing == Pairing.UNPAIRED


def test_made_splits_never_leak() -> None:
    draw = random.Random(0)
    for seed in range(30):
        records = [record(str(i), scene=f"scene{draw.randrange(15)}") for i in range(draw.randrange(1, 60))]
        made = make_split(records, val_share=draw.random() / 2, test_share=draw.random() / 2, seed=seed)
        assert find_leaks(made) == []
        assert any(r.split == "train" for r in made)


def test_training_does_not_start_on_a_split_that_leaks(nirgan: Nirgan, folder: Path) -> None:
    given = ("--model", "pix2pix", "--preset", "tiny", "--data", folder, "--device", "cpu", "--steps", 1)
    assert "scene 'scene1' is in train" in nirgan("train", *given).refused
    assert not list(Path("runs").glob("*"))


def test_a_run_that_was_split_with_a_leak_is_not_scored(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (folder / "split.csv").rename(run / "split.csv")
    config = RunConfig(model="pix2pix", data=[str(folder)])
    given = {"pairing": None, "band": None, "full_scale": None, "max_pixels": None}
    with pytest.raises(NirganError, match=r"run/split\.csv: scene 'scene1' .* train again on a split without leaks"):
        open_own(run, config, "nir2rgb", **given)
