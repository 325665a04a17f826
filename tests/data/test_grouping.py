"""What holds pictures together: names of scenes, links, near-duplicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from nirgan.data import Pairing, Record, open_data
from nirgan.data.grouping import By, by_duplicates, by_picture, by_scene, default_by, known_scene
from nirgan.errors import NirganError

Write = Callable[[Path, np.ndarray], None]


def record(name: str, scene: str = "", pairing: Pairing = Pairing.REGISTERED) -> Record:
    return Record("s", name, Path(f"nir/{name}"), Path(f"rgb/{name}"), pairing, scene=scene)


def picture(seed: int, channels: int = 3) -> np.ndarray:
    """A smooth picture that has nothing in common with that of another seed."""
    grid = np.random.default_rng(seed).uniform(0, 255, (12, 12, channels)).astype(np.float32)
    return cv2.resize(grid, (96, 96), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8).reshape(96, 96, -1)


@pytest.fixture
def folder(tmp_path: Path, write: Write) -> Path:
    """Pictures a … d, each with a copy saved as JPEG, and e with a brighter one: ``a1``, ``a2`` and so on."""
    for seed, name in enumerate("abcde"):
        colour = picture(seed)
        write(tmp_path / "set" / "rgb" / f"{name}1.png", colour)
        write(tmp_path / "set" / "nir" / f"{name}1.png", picture(100 + seed, 1))
        brighter = np.clip(colour * 1.05 + 4, 0, 255).astype(np.uint8)
        write(tmp_path / "set" / "rgb" / f"{name}2.jpg", brighter if name == "e" else colour)
        write(tmp_path / "set" / "nir" / f"{name}2.jpg", picture(200 + seed, 1))
    return tmp_path / "set"


def scenes_of(folder: Path, **named: str) -> dict[str, str]:
    data = open_data([str(folder)], task="nir2rgb", unsplit=True)
    data.all_records = [replace(r, scene=named.get(r.name, "")) for r in data.all_records]
    records, failed = by_duplicates(data)
    assert failed == []
    return {r.name: r.scene for r in records}


def test_near_duplicates_are_named_by_the_first_of_them(folder: Path) -> None:
    assert scenes_of(folder) == {f"{name}{version}": f"set/{name}1" for name in "abcde" for version in (1, 2)}


def test_a_duplicate_of_one_side_is_enough(folder: Path, write: Write) -> None:
    write(folder / "nir" / "c2.jpg", picture(101, 1))  # that of b1, in another file
    scenes = scenes_of(folder)
    assert {scenes[name] for name in ("b1", "b2", "c1", "c2")} == {"set/b1"}
    assert scenes["a1"] == "set/a1"


def test_named_scenes_give_the_name_and_are_joined_by_duplicates(folder: Path) -> None:
    scenes = scenes_of(folder, a2="wood", b1="lake", c1="lake", d1="wood", e1="hill")
    assert scenes == {
        **dict.fromkeys(("a1", "a2", "d1", "d2"), "wood"),
        **dict.fromkeys(("b1", "b2", "c1", "c2"), "lake"),
        **dict.fromkeys(("e1", "e2"), "hill"),
    }
    joined = scenes_of(folder, a1="wood", a2="lake", b1="lake", c1="zoo", c2="wood")
    assert {joined[name] for name in ("a1", "a2", "b1", "b2", "c1", "c2")} == {"lake"}


def test_links_to_one_file_hold_together_even_without_detail(folder: Path, write: Write) -> None:
    black = np.zeros((96, 96, 3), np.uint8)
    write(folder / "rgb" / "a1.png", black)  # black frames are no copies of each other
    write(folder / "rgb" / "b1.png", black)
    (folder / "rgb" / "d1.png").unlink()
    (folder / "rgb" / "d1.png").symlink_to(folder / "rgb" / "a1.png")
    scenes = scenes_of(folder)
    assert (scenes["a1"], scenes["d1"]) == ("set/a1", "set/a1")
    assert len({scenes[name] for name in ("a1", "a2", "b1", "b2", "d2")}) == 5


def test_what_cannot_be_read_is_named_and_stays_by_itself(folder: Path) -> None:
    for name in ("nir/a2.jpg", "rgb/a2.jpg"):
        (folder / name).write_bytes(b"broken")
    data = open_data([str(folder)], task="nir2rgb", unsplit=True)
    shown: list[tuple[int, int]] = []
    records, failed = by_duplicates(data, on_progress=lambda done, total: shown.append((done, total)))
    assert [Path(words.partition(": ")[0]).parent.name for words in failed] == ["nir", "rgb"]
    assert {r.name: r.scene for r in records}["a2"] == "set/a2"
    assert shown == [(done, 10) for done in range(1, 11)]


@pytest.mark.slow  # each process imports torch
def test_processes_find_what_one_finds(folder: Path) -> None:
    data = open_data([str(folder)], task="nir2rgb", unsplit=True)
    assert by_duplicates(data, workers=2) == by_duplicates(data)


def test_sides_without_partners_share_their_group(folder: Path) -> None:
    data = open_data([str(folder)], task="nir2rgb", pairing="unpaired", unsplit=True)
    records, _ = by_duplicates(data)
    assert {r.name: r.scene for r in records} == {
        f"{side}/{name}{version}": f"set/{name}1"
        for side in ("source", "target")
        for name in "abcde"
        for version in (1, 2)
    }


def test_a_scene_is_known_where_somebody_named_it() -> None:
    assert known_scene(record("a", "lake")) == "lake"
    assert known_scene(record("a")) == ""
    assert known_scene(record("source/a", "s/a", Pairing.UNPAIRED)) == ""
    assert known_scene(record("target/a", "lake", Pairing.UNPAIRED)) == "lake"
    assert default_by([record("a", "lake"), record("b", "wood")]) == By.SCENE
    assert default_by([record("a", "lake"), record("b")]) == By.DUPLICATES


def test_by_scene_asks_for_all_scenes() -> None:
    assert by_scene([record("a", "lake")]) == [record("a", "lake")]
    with pytest.raises(NirganError, match=r"1 of 2 pictures have no scene, first: s/b\..*--scenes FILE"):
        by_scene([record("a", "lake"), record("b")])


def test_by_picture_forgets_scenes_but_those_of_sides() -> None:
    sides = [record(f"{side}/a", "lake", Pairing.UNPAIRED) for side in ("source", "target")]
    assert [r.scene for r in by_picture([record("a", "lake"), *sides])] == ["", "s/a", "s/a"]
