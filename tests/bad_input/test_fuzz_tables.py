"""Damaged splits and cards: read or refused in words, whatever stands in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing import damaged, few_and_many, refuse_or, try_all
from hypothesis import settings
from hypothesis import strategies as st

from nirgan.data import cards
from nirgan.data.index import SPLITS, Data, Record
from nirgan.data.sample import Pairing
from nirgan.data.split import apply_split, read_split

CARD = b"""name: card
title: Some pairs
home: https://example.org
modality: nir
layout: nir-rgb
pairing: registered
pairs: 12
files:
  - {url: 'https://example.org/a.zip', size_bytes: 12, sha256: unknown}
notes:
  - first
path: ../pictures
"""
TABLE = 'set,name,category,scene,split\na,1,x,,train\na,"2,\n3",y,s,val\nb,ä,,,test\n'.encode()
CELLS = st.sampled_from(["set", "name", "split", "train", "a", '"', '""', ",", "\n", "\r", "\0", " ", "é", "\ufeff"])
# A name in a folder: bytes that are no UTF-8 are surrogates from U+DC80. A carriage return is no part of it here: the
# csv module of Python before 3.13 writes it without quotes.
NAMES = st.text(
    st.characters(exclude_categories=["Cs"], include_characters="\udc80\udcff", exclude_characters="\0\r/"),
    min_size=1, max_size=12,
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@few_and_many
def test_damaged_splits(folder: Path, much: settings) -> None:
    def read(content: bytes) -> None:
        (folder / "split.csv").write_bytes(content)
        rows = refuse_or(lambda: read_split(folder / "split.csv"))
        assert rows is None or all(row["split"] in SPLITS for row in rows.values())

    written = st.lists(CELLS, max_size=40).map(lambda cells: "".join(cells).encode())
    noise = written | written.map(lambda end: TABLE + end) | st.binary(max_size=200)
    try_all(much, damaged(st.just(TABLE)) | noise, read)


@few_and_many
def test_a_split_of_any_names_is_read_back(folder: Path, much: settings) -> None:
    def write_and_read(names: set[str]) -> None:
        own, *others = sorted(names)
        splits = [SPLITS[index % 3] for index in range(len(others))]
        records = [Record(own, name, Path("a"), None, split=split) for name, split in zip(others, splits, strict=True)]
        Data("nir2rgb", Pairing.REGISTERED, 1, records).write_split(folder / "written.csv")
        if len({name.strip() for name in others}) < len(others):
            return  # refused: spaces at their ends alone tell them apart
        unsplit = [Record(own, name, Path("a"), None) for name in others]
        assert apply_split(unsplit, read_split(folder / "written.csv"), Path("written.csv")) == (records, [])

    try_all(much, st.sets(NAMES, min_size=2, max_size=6), write_and_read)


@few_and_many
def test_damaged_cards(folder: Path, much: settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "card_folder", lambda: folder)

    def read(content: bytes) -> None:
        (folder / "card.yaml").write_bytes(content)
        card = refuse_or(lambda: cards.read_card("card"))
        assert card is None or card.pairing in list(Pairing)
        refuse_or(lambda: cards.locate_card("card"))

    try_all(much, damaged(st.just(CARD)) | st.binary(max_size=60), read)
