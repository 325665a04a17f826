"""Splits: read, made, written, read again."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from nirgan.data import Data, Pairing, Record, open_data
from nirgan.data.split import apply_scenes, make_split, read_scenes, read_split
from nirgan.errors import NirganError


def record(name: str, scene: str = "", category: str = "") -> Record:
    return Record("s", name, Path(f"nir/{name}"), Path(f"rgb/{name}"), scene=scene, category=category)


def splits(records: list[Record], seed: int = 0, val: float = 0.1, test: float = 0.1) -> dict[str, str]:
    return {r.name: r.split for r in make_split(records, val_share=val, test_share=test, seed=seed)}


def test_scenes_stay_together() -> None:
    records = [record(f"{scene}-{part}", scene=f"scene{scene}") for scene in range(40) for part in range(3)]
    made = splits(records)
    assert all(len({made[f"{scene}-{part}"] for part in range(3)}) == 1 for scene in range(40))
    assert Counter(made.values()) == {"train": 96, "val": 12, "test": 12}


def test_each_category_gives_its_share() -> None:
    categories = ("field", "urban", "water")
    records = [record(f"{category}{i}", category=category) for category in categories for i in range(50)]
    made = make_split(records, val_share=0.1, test_share=0.2, seed=0)
    counts = Counter((r.category, r.split) for r in made)
    for category in categories:
        assert abs(counts[category, "test"] - 10) <= 1
        assert abs(counts[category, "val"] - 5) <= 1


def of_sizes(sizes: list[int], category: str = "") -> list[Record]:
    """Scenes of so many pictures."""
    return [
        record(f"{category}{scene}-{part}", scene=f"{category}{scene}", category=category)
        for scene, size in enumerate(sizes)
        for part in range(size)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_of_pictures_as_far_as_whole_scenes_allow(seed: int) -> None:
    draw = random.Random(seed)
    sizes = {category: [draw.randint(1, 9) for _ in range(60)] for category in ("field", "urban", "water")}
    records = [one for category, some in sizes.items() for one in of_sizes(some, category)]
    made = make_split(records, val_share=0.1, test_share=0.2, seed=seed)
    counts = Counter((r.category, r.split) for r in made)
    for category, some in sizes.items():
        assert abs(counts[category, "test"] - 0.2 * sum(some)) <= 10
        assert abs(counts[category, "val"] - 0.1 * sum(some)) <= 12
    total = Counter(r.split for r in made)
    assert abs(total["test"] - 0.2 * len(records)) <= 5
    assert abs(total["val"] - 0.1 * len(records)) <= 5


def test_a_scene_larger_than_a_part_is_for_training() -> None:
    made = make_split(of_sizes([60] + [1] * 40), val_share=0.1, test_share=0.1, seed=0)
    assert {r.split for r in made if r.scene == "0"} == {"train"}
    counts = Counter(r.split for r in made)
    assert (counts["val"], counts["test"]) == (10, 10)


@pytest.mark.parametrize("sizes", [[98, 1, 1], [1, 1, 1], [50, 50, 50], [2, 3, 95], [40, 1, 40]])
def test_three_scenes_of_any_sizes_give_training_and_validation(sizes: list[int]) -> None:
    for seed in range(10):
        made = make_split(of_sizes(sizes), val_share=0.1, test_share=0.1, seed=seed)
        assert {"train", "val"} <= {r.split for r in made}


def test_single_pictures_fall_to_the_parts_that_earlier_runs_gave_them() -> None:
    def earlier(names: list[str], val: float, test: float, seed: int) -> dict[str, str]:
        order = sorted(names, key=lambda name: hashlib.sha256(f"{seed} s/{name}".encode()).digest())

        def spread(some: list[str], count: int) -> set[str]:
            return {some[int((i + 0.5) * len(some) / count)] for i in range(count)}

        tested = spread(order, round(len(names) * test))
        validated = spread([name for name in order if name not in tested], max(1, round(len(names) * val)))
        return {name: "test" if name in tested else "val" if name in validated else "train" for name in names}

    for count in (12, 40, 97, 240):
        names = [str(i) for i in range(count)]
        for val, test in ((0.1, 0.1), (0.05, 0.2), (0.25, 0.125)):
            assert splits([record(name) for name in names], count, val, test) == earlier(names, val, test, count)


def test_order_does_not_matter_and_the_seed_does() -> None:
    records = [record(str(i)) for i in range(50)]
    shuffled = random.Random(1).sample(records, len(records))
    assert splits(records) == splits(shuffled)
    assert splits(records) != splits(records, seed=1)


@pytest.mark.parametrize(("count", "expected"), [(1, (1, 0)), (2, (2, 0)), (3, (2, 1)), (4, (3, 1)), (5, (4, 1))])
def test_tiny_sets_can_train(count: int, expected: tuple[int, int]) -> None:
    made = Counter(splits([record(str(i)) for i in range(count)]).values())
    assert (made["train"], made["val"]) == expected


def test_unpaired_pools_each_keep_training_pictures() -> None:
    sources = [Record("s", "source/1", Path("a"), None, Pairing.UNPAIRED)]
    targets = [Record("s", f"target/{i}", None, Path("b"), Pairing.UNPAIRED) for i in range(30)]
    for seed in range(20):
        made = make_split(sources + targets, val_share=0.4, test_share=0.4, seed=seed)
        assert any(r.split == "train" and r.source for r in made)


def test_written_split_is_read_back(tmp_path: Path, write_pairs) -> None:
    folder = str(write_pairs(tmp_path / "set", [str(i) for i in range(20)]))
    data = open_data([folder], task="nir2rgb", seed=5)
    data.write_split(tmp_path / "run" / "split.csv")
    again = open_data([folder], task="nir2rgb", seed=6, split_file=tmp_path / "run" / "split.csv")
    assert again.records() == data.records()
    assert not again.problems
    assert not again.warn_if_split_made


def test_names_with_line_ends_are_read_back(tmp_path: Path) -> None:
    names = ["a\rb", "a\nb", 'a,"b', "plain"]
    records = [replace(record(name), split="train") for name in names]
    Data("nir2rgb", Pairing.REGISTERED, 1, records).write_split(tmp_path / "split.csv")
    assert list(read_split(tmp_path / "split.csv")) == [("s", name) for name in names]
    assert (tmp_path / "split.csv").read_bytes().endswith(b"\ns,plain,,,train\n")


def test_written_unpaired_split_is_read_back(tmp_path: Path, write_pairs) -> None:
    folder = str(write_pairs(tmp_path / "set", [str(i) for i in range(20)]))
    data = open_data([folder], task="nir2rgb", pairing="unpaired", seed=5)
    data.write_split(tmp_path / "split.csv")
    again = open_data([folder], task="nir2rgb", pairing="unpaired", split_file=tmp_path / "split.csv")
    assert again.records() == data.records()


def test_a_set_without_a_split_beside_one_with_gets_its_own(tmp_path: Path, write_pairs) -> None:
    for split, names in (("train", "abcdef"), ("test", "gh")):
        write_pairs(tmp_path / "all" / "split" / split, names)
    write_pairs(tmp_path / "all" / "loose", [f"{i:02d}" for i in range(20)])
    data = open_data([str(tmp_path / "all")], task="nir2rgb")
    assert all(record.split for record in data.all_records)
    loose = [record.split for record in data.all_records if record.set == "loose"]
    assert (loose.count("val"), loose.count("test")) == (2, 2)
    assert "for loose" in data.warn_if_split_made
    data.write_split(tmp_path / "split.csv")
    assert len(read_split(tmp_path / "split.csv")) == 28


def test_differences_between_split_file_and_data_are_said(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "set", ["a", "b", "c"])
    (folder / "split.csv").write_text("set,name,category,scene,split\nset,a,,,train\nset,b,,,test\nset,gone,,,val\n")
    data = open_data([str(folder)], task="nir2rgb")
    assert [r.name for r in data.records()] == ["a", "b"]
    found = {problem.kind: problem.files for problem in data.problems}
    assert found == {"not in split.csv, left out": ("set/c",), "in split.csv but not in the data": ("set/gone",)}


def test_a_split_file_of_one_set_fits_a_renamed_folder(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "renamed", ["a", "b"])
    (folder / "split.csv").write_text("set,name,split\nold,a,train\nold,b,val\n")
    assert [(r.key, r.split) for r in open_data([str(folder)], task="nir2rgb").records()] == [
        ("renamed/a", "train"),
        ("renamed/b", "val"),
    ]


def test_a_split_file_of_other_data_is_refused(tmp_path: Path, write_pairs) -> None:
    folder = write_pairs(tmp_path / "set", ["a"])
    (tmp_path / "split.csv").write_text("set,name,split\nx,1,train\ny,2,train\n")
    with pytest.raises(NirganError, match="lists none of these pictures"):
        open_data([str(folder)], task="nir2rgb", split_file=tmp_path / "split.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("set,name\ns,a\n", "no column split"),
        ("set,name,split\ns,a,dev\n", "line 2: split 'dev'"),
        ("set,name,split\ns,a,train\ns,a,val\n", "line 3: s/a stands there twice"),
    ],
)
def test_damaged_split_files_are_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "split.csv").write_text(text)
    with pytest.raises(NirganError, match=words):
        read_split(tmp_path / "split.csv")


def test_a_split_file_from_a_spreadsheet_is_read(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_bytes("\ufeffset,name,split\r\ns, a ,val\r\n".encode())
    assert read_split(tmp_path / "split.csv")["s", "a"]["split"] == "val"


# --- scenes from a file -------------------------------------------------------------------------------------------


def test_scenes_and_categories_are_taken_from_a_file_that_need_not_name_the_set(tmp_path: Path) -> None:
    (tmp_path / "scenes.csv").write_text("name,scene,category\na,lake,water\nb,lake,\ngone,wood,forest\n")
    records = [record("a"), record("b", "wood", "forest"), record("c", "wood")]
    found = apply_scenes(records, read_scenes(tmp_path / "scenes.csv"), tmp_path / "scenes.csv")
    assert [(r.name, r.scene, r.category, r.split) for r in found] == [
        ("a", "lake", "water", ""),
        ("b", "lake", "forest", ""),
        ("c", "wood", "", ""),
    ]


def test_a_split_file_names_scenes(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("set,name,category,scene,split\ns,a,,lake,train\nt,a,,wood,dev\n")
    path = tmp_path / "split.csv"
    assert [r.scene for r in apply_scenes([record("a")], read_scenes(path), path)] == ["lake"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,place\na,b\n", "no column scene; the first line must be set,name,scene"),
        ("name,scene\na,b\na,c\n", "line 3: a stands there twice"),
        ("name,scene\nz,b\n", "lists none of these pictures"),
    ],
)
def test_damaged_scene_files_are_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "scenes.csv"
    path.write_text(text)
    with pytest.raises(NirganError, match=words):
        apply_scenes([record("a")], read_scenes(path), path)
