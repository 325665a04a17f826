"""One place, many names."""

from __future__ import annotations

from pathlib import Path

import pytest

from nirgan.data import cards
from nirgan.data.places import BUILT_IN, locate, real_place


def test_all_names_of_a_folder_are_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "pairs"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards" / "mine.yaml").write_text(
        "name: mine\ntitle: X\nlayout: nir-rgb\npairing: unpaired\npath: ../pairs\n"
    )
    monkeypatch.setattr(cards, "card_folder", lambda: tmp_path / "cards")
    monkeypatch.chdir(tmp_path)
    names = [str(folder), "pairs", "./pairs/", "pairs/../pairs", "link", "nir-rgb:pairs", f"a-b:{folder}", "mine"]
    assert {real_place(name) for name in names} == {folder.resolve()}
    assert real_place("mine") != real_place(".")
    assert (locate("mine").layout, locate("mine").pairing) == ("nir-rgb", "unpaired")


def test_what_is_no_folder_keeps_its_name() -> None:
    assert real_place(BUILT_IN) == Path(BUILT_IN)
    assert real_place("no-such-folder") == Path("no-such-folder")
