"""``nirgan data download`` and ``nirgan data list`` as people call them."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import Nirgan
from web_site import Offer, Site, serve

from nirgan.data import cards, open_data
from nirgan.data.places import BUILT_IN

PutCard = Callable[..., None]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from serve(monkeypatch)


@pytest.fixture
def put_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PutCard:
    """A function that makes ``tiny`` the only card."""
    folder = tmp_path / "cards"
    folder.mkdir()
    monkeypatch.setattr(cards, "card_folder", lambda: folder)
    monkeypatch.delenv("NIRGAN_DATA", raising=False)

    def put(**facts: object) -> None:
        card = {"name": "tiny", "title": "Tiny", "layout": "nir-rgb", "pairing": "registered", "access": "open"}
        (folder / "tiny.yaml").write_text(json.dumps({**card, "licence": "CC0", "terms": "any use", **facts}))

    return put


@pytest.fixture
def pairs() -> bytes:
    """A zip of five pairs in a folder."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in range(5):
            colour = np.random.default_rng(name).integers(0, 256, (16, 24, 3), dtype=np.uint8)
            for side, pixels in (("nir", colour[..., 1]), ("rgb", colour)):
                archive.writestr(f"set/{side}/{name}.png", cv2.imencode(".png", pixels)[1].tobytes())
    return packed.getvalue()


def test_a_set_comes_and_can_be_trained_on(nirgan: Nirgan, site: Site, put_card: PutCard, pairs: bytes) -> None:
    url, sha256 = site.put("pairs.zip", Offer(pairs)), hashlib.sha256(pairs).hexdigest()
    put_card(files=[{"url": url, "sha256": sha256, "inside": "set"}])
    ended = nirgan("data", "download", "tiny", "--json")
    assert ended.code == 0
    result = json.loads(ended.out)
    assert (result["written"], result["was_there"], result["licence"]) == ("data/tiny", False, "CC0")
    assert result["files"] == [
        {"name": "pairs.zip", "url": url, "size_bytes": len(pairs), "sha256": sha256, "against": "sha256"}
    ]
    assert ended.err.index("CC0") < ended.err.index("any use") < ended.err.index(sha256)  # terms come first
    assert len(open_data(["tiny"], task="nir2rgb").pairs()) == 5
    again = nirgan("data", "download", "tiny")
    assert again.code == 0
    assert "was here already" in again.out
    assert len(site.asked) == 1


def test_where_it_goes(
    nirgan: Nirgan, site: Site, put_card: PutCard, pairs: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_card(files=[{"url": site.put("pairs.zip", Offer(pairs)), "inside": "set"}])
    assert nirgan("data", "download", "tiny", "--out", "else/where").code == 0
    assert len(list((tmp_path / "else" / "where" / "nir").iterdir())) == 5
    monkeypatch.setenv("NIRGAN_DATA", str(tmp_path / "all"))
    ended = nirgan("data", "download", "tiny")
    assert ended.code == 0
    assert (tmp_path / "all" / "tiny" / "rgb" / "4.png").is_file()
    assert "could not be checked" in ended.err


def test_an_interruption_is_said_and_the_next_call_goes_on(
    nirgan: Nirgan, site: Site, put_card: PutCard, pairs: bytes
) -> None:
    url = site.put("pairs.zip", Offer(pairs, sent=1000), Offer(pairs, sent=0))
    put_card(files=[{"url": url, "inside": "set"}])
    assert "run it again to go on from there" in nirgan("data", "download", "tiny").refused
    site.put("pairs.zip", Offer(pairs))
    assert nirgan("data", "download", "tiny").code == 0
    assert site.asked[-1] == "bytes=1000-"


def test_a_wrong_file_is_refused_in_one_line(nirgan: Nirgan, site: Site, put_card: PutCard, pairs: bytes) -> None:
    put_card(files=[{"url": site.put("pairs.zip", Offer(pairs)), "sha256": "0" * 64}])
    assert "thrown away" in nirgan("data", "download", "tiny").refused
    assert len(site.asked) == 1


def test_a_wrong_name_gets_the_nearest(nirgan: Nirgan) -> None:
    assert "did you mean 'kodak'" in nirgan("data", "download", "kodac").refused


def test_built_in_scenes_are_not_to_be_put_anywhere(nirgan: Nirgan) -> None:
    refused = nirgan("data", "download", BUILT_IN).refused
    assert "nothing to fetch" in refused
    assert "data/" not in refused


BY_HAND = [
    name
    for name in cards.list_cards()
    if name != BUILT_IN and (cards.read_card(name).access != "open" or not cards.read_card(name).files)
]


@pytest.mark.parametrize("name", BY_HAND)
def test_sets_to_be_had_by_hand_say_where_and_whereto(
    nirgan: Nirgan, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("NIRGAN_DATA", raising=False)
    card = cards.read_card(name)
    ended = nirgan("data", "download", name)
    assert card.obtain.rstrip(".") in ended.refused
    assert f"data/{name}" in ended.refused
    assert card.licence in ended.err
    assert ("thermal" in ended.err) == (card.modality == "lwir")
    assert not list(tmp_path.iterdir())


def test_list_shows_what_is_here(nirgan: Nirgan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NIRGAN_DATA", raising=False)
    (tmp_path / "data" / "kodak").mkdir(parents=True)
    sets = {card["name"]: card for card in json.loads(nirgan("data", "list", "--json").out)["datasets"]}
    assert sets["kodak"]["here"] == "data/kodak"
    assert sets["irvi"]["here"] is None
    assert (sets["irvi"]["modality"], sets["irvi"]["access"]) == ("lwir", "login")
    lines = {line.split()[0]: line for line in nirgan("data", "list").out.splitlines() if line.strip()}
    assert lines["kodak"].split()[1:7] == ["visible", "unpaired", "24", "pictures", "open", "data/kodak"]
    assert lines["kaist-ms"].split()[1:7] == ["lwir", "registered", "95328", "pairs", "unknown", "no"]
    assert "built in" in lines["synthetic"]
