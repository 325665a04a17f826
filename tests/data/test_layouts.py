"""What each layout recognises, and what it must not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nirgan.data import Pairing, open_data
from nirgan.data.layouts import Found, Layout, find_layout
from nirgan.errors import NirganError
from nirgan.registry import LAYOUTS

Write = Callable[[Path, np.ndarray], None]

GREY = np.full((16, 16), 90, np.uint8)
COLOUR = np.dstack([np.full((16, 16), v, np.uint8) for v in (200, 90, 30)])


def test_rgb_nir_scene(tmp_path: Path, write: Write) -> None:
    for category in ("country", "water"):
        write(tmp_path / "nirscene1" / category / "0000_nir.tiff", GREY)
        write(tmp_path / "nirscene1" / category / "0000_rgb.tiff", COLOUR)
    data = open_data([str(tmp_path / "nirscene1")], task="nir2rgb")
    assert [record.key for record in data.records()] == ["nirscene1/country_0000", "nirscene1/water_0000"]
    assert [record.category for record in data.records()] == ["country", "water"]
    assert data.pairing == Pairing.REGISTERED


def test_vcip_keeps_its_validation_pictures_for_the_test(tmp_path: Path, write: Write) -> None:
    for number in range(12):
        write(tmp_path / "NIR" / f"field_{number:04d}_nir.png", GREY)
        write(tmp_path / "RGB-Registered" / f"field_{number:04d}_rgb_reg.png", COLOUR)
    write(tmp_path / "Validation" / "validation_0001_nir.png", GREY)
    write(tmp_path / "Validation" / "validation_0001_rgb_reg.png", COLOUR)
    data = open_data([str(tmp_path)], task="nir2rgb")
    assert [record.name for record in data.records("test")] == ["validation_0001"]
    assert len(data.records("val")) == 1
    assert {record.category for record in data.records("train")} == {"field"}


@pytest.mark.parametrize("folders", [("A", "B"), ("trainA", "trainB")])
def test_a_and_b_are_unpaired_until_told_otherwise(tmp_path: Path, folders: tuple[str, str], write: Write) -> None:
    for name in ("1", "2", "3", "4"):
        write(tmp_path / folders[0] / f"{name}.png", GREY)
        write(tmp_path / folders[1] / f"{name}.png", COLOUR)
    data = open_data([str(tmp_path)], task="nir2rgb")
    assert data.pairing == Pairing.UNPAIRED
    assert "--pairing registered" in data.layouts[0]
    assert (len(data.sources()), len(data.targets())) == (4, 4)
    paired = open_data([str(tmp_path)], task="nir2rgb", pairing="registered")
    assert len(paired.pairs()) == 4


def test_train_a_and_test_a_give_the_split(tmp_path: Path, write: Write) -> None:
    for split, count in (("train", 6), ("test", 2)):
        for number in range(count):
            write(tmp_path / f"{split}A" / f"a{number}.png", GREY)
            write(tmp_path / f"{split}B" / f"b{number}.png", COLOUR)
    data = open_data([str(tmp_path)], task="nir2rgb")
    assert [record.name for record in data.sources("test")] == ["source/test/a0", "source/test/a1"]
    assert len(data.sources("val")) == len(data.targets("val")) == 1
    assert "taken from train/" in data.warn_if_split_made


def test_split_folders_hold_any_layout(tmp_path: Path, write_pairs) -> None:
    for split in ("train", "val", "test"):
        write_pairs(tmp_path / split, ["0", "1"])
    data = open_data([str(tmp_path)], task="nir2rgb")
    assert [record.name for record in data.records("val")] == ["val/0", "val/1"]
    assert [len(data.records(split)) for split in ("train", "val", "test")] == [2, 2, 2]
    assert not data.warn_if_split_made


def test_sets_one_level_down(tmp_path: Path, write_pairs, write: Write) -> None:
    write_pairs(tmp_path / "epfl", ["x"])
    write_pairs(tmp_path / "vcip", ["x"])
    write(tmp_path / "other" / "photo.png", COLOUR)
    data = open_data([str(tmp_path)], task="nir2rgb")
    assert [record.key for record in data.records()] == ["epfl/x", "vcip/x"]
    assert data.layouts[0].endswith("epfl/ vcip/: nir/ + rgb/ with the same names")
    assert [problem.kind for problem in data.problems] == ["folders left out"]


@pytest.mark.parametrize("source_left", [True, False])
def test_side_by_side_takes_the_grey_half_as_source(tmp_path: Path, source_left: bool, write: Write) -> None:
    grey = np.repeat(GREY[..., None], 3, axis=2)
    halves = [grey, COLOUR] if source_left else [COLOUR, grey]
    for name in ("1", "2"):
        write(tmp_path / f"{name}.png", np.concatenate(halves, axis=1))
    data = open_data([str(tmp_path)], task="nir2rgb")
    sample = data.sample(data.records()[0])
    assert sample.target is not None
    assert sample.source.shape == (1, 16, 16)
    assert np.allclose(sample.source, 90 / 255)
    assert np.allclose(sample.target[:, 0, 0], [200 / 255, 90 / 255, 30 / 255])


def test_wide_photographs_are_not_pairs(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "panorama.png", np.concatenate([COLOUR, COLOUR], axis=1))
    layout = find_layout(tmp_path)
    assert layout is not None
    assert type(layout).__name__ == "Photographs"


def test_a_layout_can_be_asked_for_by_name(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "1.png", np.concatenate([COLOUR, COLOUR[..., ::-1]], axis=1))
    data = open_data([f"sidebyside:{tmp_path}"], task="gray2rgb")
    assert np.allclose(data.sample(data.records()[0]).target[:, 0, 0], [30 / 255, 90 / 255, 200 / 255])  # type: ignore[index]


def test_photographs_in_folders_name_their_category(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "cats" / "1.png", COLOUR)
    write(tmp_path / "dogs" / "1.png", COLOUR)
    data = open_data([str(tmp_path)], task="gray2rgb")
    assert [(record.name, record.category) for record in data.records()] == [("cats/1", "cats"), ("dogs/1", "dogs")]


def test_every_built_in_layout_says_what_it_is() -> None:
    for name in LAYOUTS.names():
        layout = LAYOUTS.build(name)
        assert isinstance(layout, Layout)
        assert layout.summary


def test_a_plug_in_layout_reads_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    from nirgan.data.index import Record
    from nirgan.registry import Entry

    class Odd(Layout):
        def recognise(self, folder: Path) -> bool:
            return False

        def read(self, folder: Path, set_name: str) -> Found:
            return Found("odd", [Record(set_name, "one", folder / "n.png", folder / "c.png")])

    write(tmp_path / "odd" / "n.png", GREY)
    write(tmp_path / "odd" / "c.png", COLOUR)
    monkeypatch.setitem(LAYOUTS._entries, "odd", Entry("odd", Odd))
    data = open_data([f"odd:{tmp_path / 'odd'}"], task="nir2rgb")
    assert [record.key for record in data.records()] == ["odd/one"]
    with pytest.raises(NirganError, match="no folder"):
        open_data([f"odd:{tmp_path / 'absent'}"], task="nir2rgb")


@pytest.mark.parametrize("layout", ["sidebyside", "photographs"])
def test_of_two_files_with_one_name_the_first_is_taken_and_both_are_named(
    tmp_path: Path, layout: str, write: Write
) -> None:
    for name in ("a.png", "a.jpg", "b.png"):
        write(tmp_path / name, np.concatenate([GREY[..., None].repeat(3, 2), COLOUR], axis=1))
    data = open_data([f"{layout}:{tmp_path}"], task="gray2rgb")
    assert [record.path.name for record in data.records()] == ["a.jpg", "b.png"]
    assert [(p.kind, [Path(file).name for file in p.files]) for p in data.problems] == [
        ("several files with one name", ["a.jpg", "a.png"])
    ]
