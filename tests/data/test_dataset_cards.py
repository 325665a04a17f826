"""Dataset cards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nirgan.data import Pairing, cards, open_data
from nirgan.data.inspect import inspect
from nirgan.errors import NirganError
from nirgan.registry import LAYOUTS


@pytest.mark.parametrize("name", cards.list_cards())
def test_every_card_is_valid_and_names_a_layout(name: str) -> None:
    card = cards.read_card(name)
    assert card.name == name
    assert card.layout in LAYOUTS.names()


def test_the_shipped_cards_are_there() -> None:
    assert set(cards.list_cards()) == SETS


def test_an_absent_set_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NIRGAN_DATA", raising=False)
    with pytest.raises(NirganError, match=r"epfl\.ch.*data/rgb-nir-scene.*NIRGAN_DATA"):
        open_data(["rgb-nir-scene"], task="nir2rgb")


def test_a_card_finds_its_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs) -> None:
    pairs = write_pairs(tmp_path / "pairs", ["field_0001", "field_0002"])
    home = tmp_path / "all" / "vcip-2020"
    for side, folder, ending in (("nir", "NIR", "nir"), ("rgb", "RGB-Registered", "rgb_reg")):
        (home / folder).mkdir(parents=True)
        for file in (pairs / side).iterdir():
            file.rename(home / folder / f"{file.stem}_{ending}.png")
    monkeypatch.setenv("NIRGAN_DATA", str(tmp_path / "all"))
    data = open_data(["vcip-2020"], task="nir2rgb")
    assert [record.key for record in data.records()] == ["vcip-2020/field_0001", "vcip-2020/field_0002"]


def test_a_wrong_name_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="did you mean 'vcip-2020'"):
        open_data(["vcip-2021"], task="nir2rgb")


def test_unknown_keys_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.yaml").write_text("name: x\ntitle: X\nlayout: nir-rgb\npairing: registered\nlicense: MIT\n")
    monkeypatch.setattr(cards, "card_folder", lambda: tmp_path)
    with pytest.raises(NirganError, match="license"):
        cards.read_card("x")


def test_a_cards_pairing_wins_over_the_layouts_and_loses_to_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_pairs
) -> None:
    folder = write_pairs(tmp_path / "pairs", ["a", "b", "c"])
    (tmp_path / "x.yaml").write_text("name: x\ntitle: X\nlayout: nir-rgb\npairing: unregistered\npath: pairs\n")
    monkeypatch.setattr(cards, "card_folder", lambda: tmp_path)
    assert open_data([str(folder)], task="nir2rgb").pairing == Pairing.REGISTERED
    by_card = open_data(["x"], task="nir2rgb")
    assert by_card.pairing == Pairing.UNREGISTERED
    assert "unregistered, as the card 'x' says" in by_card.layouts[0]
    assert inspect(["x"])["pairing"] == "unregistered"
    assert open_data(["x"], task="nir2rgb", pairing="registered").pairing == Pairing.REGISTERED
    assert open_data(["x"], task="gray2rgb").pairing == Pairing.REGISTERED  # the source is made from the target


SETS = {
    "coco-stuff",
    "icvl",
    "imagenet",
    "irvi",
    "kaist-ms",
    "kodak",
    "omsiv",
    "places365",
    "ranus",
    "rgb-nir-scene",
    "synthetic",
    "vcip-2020",
    "vsiad",
}


@pytest.mark.parametrize("name", sorted(SETS))
def test_the_shipped_cards_say_what_people_ask(name: str) -> None:
    card = cards.read_card(name)
    assert card.home.startswith("http") or name == "synthetic"
    assert card.obtain != cards.UNKNOWN
    assert (card.modality == "lwir") == any("not near-infrared" in note for note in card.notes)
    assert (card.modality == "visible") == any("gray2rgb" in note for note in card.notes)
    assert card.pairs is None or card.pictures is None
    assert card.access != "open" or card.files or name in ("omsiv", "synthetic")  # omsiv lies on a page for browsers


def test_thermal_sets_are_the_two_that_are() -> None:
    assert {name for name in cards.list_cards() if cards.read_card(name).modality == "lwir"} == {"irvi", "kaist-ms"}


@pytest.mark.parametrize(
    ("words", "key"),
    [
        ("files: [{url: 'ftp://example.org/a.zip'}]", "files.0.url"),
        ("files: [{url: 'file:///etc/passwd'}]", "files.0.url"),
        ("files: [{url: 'https://example.org/'}]", "files.0.url"),
        ("files: [{url: 'https://example.org/..'}]", "files.0.url"),
        ("files: [{url: 'https://example.org/a%2Fb.zip'}]", "files.0.url"),
        ("files: [{url: 'https://example.org/.a.zip'}]", "files.0.url"),
        ("files: [{url: 'https://e.org/a.zip', sha256: abc}]", "files.0.sha256"),
        ("files: [{url: 'https://e.org/a.zip', size_bytes: -1}]", "files.0.size_bytes"),
        ("files: [{url: 'https://e.org/a.zip', inside: ../b}]", "files.0.inside"),
        ("files: [{url: 'https://e.org/a.zip', into: /b}]", "files.0.into"),
        ("files: [{url: 'https://e.org/a.zip'}, {url: 'https://f.org/A.zip'}]", "files"),
        ("access: sometimes", "access"),
        ("modality: rgb", "modality"),
    ],
)
def test_cards_that_would_do_harm_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, key: str
) -> None:
    (tmp_path / "x.yaml").write_text(f"name: x\ntitle: X\nlayout: nir-rgb\npairing: registered\n{words}\n")
    monkeypatch.setattr(cards, "card_folder", lambda: tmp_path)
    with pytest.raises(NirganError, match=rf"x\.yaml: {key}: "):
        cards.read_card("x")


def test_a_cards_name_is_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.yaml").write_text("name: y\ntitle: X\nlayout: nir-rgb\npairing: registered\n")
    monkeypatch.setattr(cards, "card_folder", lambda: tmp_path)
    with pytest.raises(NirganError, match="is 'y', the file says 'x'"):
        cards.read_card("x")


def test_places_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIRGAN_DATA", str(tmp_path / "all"))
    card = cards.read_card("kodak")
    assert cards.card_places(card) == [tmp_path / "all" / "kodak", Path("data/kodak")]
    assert cards.find_set(card) is None
    with pytest.raises(NirganError, match="`nirgan data download kodak`"):
        cards.locate_card("kodak")
    (tmp_path / "data" / "kodak").mkdir(parents=True)
    assert cards.find_set(card) == Path("data/kodak")
    (tmp_path / "all" / "kodak").mkdir(parents=True)
    assert cards.find_set(card) == tmp_path / "all" / "kodak"


def test_a_set_with_split_folders_keeps_its_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write) -> None:
    monkeypatch.setenv("NIRGAN_DATA", str(tmp_path))
    for name, split in (("a", "train"), ("b", "train"), ("c", "val")):
        pixels = np.random.default_rng(ord(name)).integers(0, 256, (16, 24, 3), dtype=np.uint8)
        write(tmp_path / "coco-stuff" / split / f"{name}.jpg", pixels)
    data = open_data(["coco-stuff"], task="gray2rgb")
    assert [(record.key, record.split) for record in data.records("val")] == [("coco-stuff/val/c", "val")]
    assert len(data.records("train")) == 2
