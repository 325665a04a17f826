"""Dataset cards."""

from __future__ import annotations

from pathlib import Path

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
    assert {"rgb-nir-scene", "synthetic", "vcip-2020"} <= set(cards.list_cards())


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
