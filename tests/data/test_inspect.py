"""Inspection finds what was broken on purpose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirgan.data.inspect import inspect


def test_a_clean_folder(tmp_path: Path, write_pairs) -> None:
    result = inspect([str(write_pairs(tmp_path, ["a", "b", "c"]))])
    assert result == {"layout": "nir/ + rgb/ with the same names", "pairing": "registered", "count": 3, "problems": []}


def test_problems_are_counted_and_named(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "set", ["a", "b", "c", "d"])
    small = write_pairs(tmp_path / "small", ["a"], width=20)
    (folder / "rgb" / "a.png").unlink()
    (folder / "nir" / "b.png").write_bytes(b"no picture")
    (folder / "nir" / "c.png").write_bytes((small / "nir" / "a.png").read_bytes())
    (folder / "rgb" / "d.jpg").write_bytes((folder / "rgb" / "d.png").read_bytes())
    (folder / "split.csv").write_text("set,name,split\nset,a,train\nset,b,train\nset,c,val\nset,d,test\nset,e,test\n")
    result = inspect([str(folder)])
    assert result["count"] == 3
    found = {problem["kind"]: problem["files"] for problem in result["problems"]}
    assert found["missing partner"] == [str(folder / "nir" / "a.png")]
    assert found["unreadable"] == [str(folder / "nir" / "b.png")]
    assert found["different sizes"] == [str(folder / "nir" / "c.png")]
    assert found["several files with one name"] == [str(folder / "rgb" / "d.jpg"), str(folder / "rgb" / "d.png")]
    assert found["in split.csv but not in the data"] == ["set/e"]


def test_a_broken_file_with_both_sides_counts_once(tmp_path: Path, write) -> None:
    for name in "abc":
        write(tmp_path / f"{name}.png", np.random.default_rng(0).integers(0, 256, (16, 32, 3), dtype=np.uint8))
    (tmp_path / "b.png").write_bytes(b"no picture")
    problems = inspect([f"sidebyside:{tmp_path}"])["problems"]
    assert problems == [{"kind": "unreadable", "count": 1, "files": [str(tmp_path / "b.png")]}]


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_cut_files_are_found(tmp_path: Path, write_pairs, write, suffix: str) -> None:
    folder = write_pairs(tmp_path, ["a", "b"])
    (folder / "nir" / "b.png").unlink()
    cut = folder / "nir" / f"b.{suffix}"
    write(cut, np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint8))
    assert inspect([str(folder)])["problems"] == []
    cut.write_bytes(cut.read_bytes()[:-20])
    assert inspect([str(folder)])["problems"] == [{"kind": "unreadable", "count": 1, "files": [str(cut)]}]


def test_unpaired_folders_count_pictures(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path, ["a", "b", "c"])
    (folder / "nir").rename(tmp_path / "A")
    (folder / "rgb").rename(tmp_path / "B")
    (tmp_path / "B" / "b.png").unlink()
    result = inspect([str(tmp_path)])
    assert (result["pairing"], result["count"], result["problems"]) == ("unpaired", 5, [])
