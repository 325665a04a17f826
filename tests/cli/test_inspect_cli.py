"""``nirgan data inspect`` as people and scripts call it, and the page that it writes."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from command_line import Nirgan

from nirgan.data.inspection.look import Look, PairLook
from nirgan.data.synth import write_scenes
from nirgan.reporting.inspection_page import checkerboard, worst_pairs

ODD = "<img src=x onerror=alert(1)>&\"'"


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    """Four pairs of 48×64, 4 pixels off, one of them with a name that would be HTML."""
    folder = tmp_path / "scenes"
    write_scenes(folder, 4, size=(48, 64), shift_px=4.0)
    for side in ("nir", "rgb"):
        first = min((folder / side).iterdir())
        first.rename(folder / side / f"{ODD}.png")
    return folder


class Page(HTMLParser):
    """What an HTML file is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_one_json_object_and_nothing_else(nirgan: Nirgan, scenes: Path) -> None:
    ended = nirgan("data", "inspect", "scenes", "--json")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert {"layout", "pairing", "count", "problems", "sides", "alignment", "copies", "pairs"} <= set(result)
    assert (result["count"], result["pairing"]) == (4, "registered")
    assert result["pairs"][0]["key"] == f"scenes/{ODD}"
    assert all({"kind", "count", "files"} == set(problem) for problem in result["problems"])


def test_headers_alone_decode_nothing(nirgan: Nirgan, scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("nirgan.data.inspection.look.read_chosen", read)
    monkeypatch.setattr("nirgan.data.pictures.read_picture", read)
    result = json.loads(nirgan("data", "inspect", "scenes", "--headers", "--json").out)
    assert result == {
        "layout": "nir/ + rgb/ with the same names",
        "pairing": "registered",
        "count": 4,
        "problems": [],
    }
    assert "leave out one of the two" in nirgan("data", "inspect", "scenes", "--headers", "--out", "page").refused
    assert not Path("page").exists()


def test_a_band_and_a_full_scale_are_taken_as_given(nirgan: Nirgan, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 256, (40, 48, 3))
    for side, pixels in (("nir", (8 * values + 7).astype(np.uint16)), ("rgb", values.astype(np.uint8))):
        (tmp_path / "set" / side).mkdir(parents=True)
        assert cv2.imwrite(str(tmp_path / "set" / side / "a.png"), pixels)

    def inspected(*options: object) -> dict[str, Any]:
        return json.loads(nirgan("data", "inspect", "set", "--json", *options).out)

    plain = inspected()
    assert {"different channels", "full scale"} <= set(plain["advice"])
    chosen = inspected("--band", 3, "--full-scale", 4095)
    assert not {"different channels", "full scale"} & set(chosen["advice"])
    scale = chosen["sides"]["source"]["full_scales"][0]
    assert (scale["given"], scale["largest"]) == (4095, 8 * 255 + 7)
    assert chosen["sides"]["target"]["full_scales"][0]["given"] is None  # 8 bits cannot mean it
    assert chosen["pairs"][0]["fit"] == pytest.approx(1, abs=1e-4)  # it is the target's blue
    assert chosen["pairs"][0]["correlation"] != pytest.approx(plain["pairs"][0]["correlation"], abs=0.01)
    cut = inspected("--band", 3, "--full-scale", 1023)
    assert cut["advice"]["full scale"] == "source: uint16 values go up to 2047: those above 1023 are cut"
    assert "full scale 4095 as given" in nirgan("data", "inspect", "set", "--band", 3, "--full-scale", 4095).out

    assert "band 4 of 3" in nirgan("data", "inspect", "set", "--band", 4).failed("a.png")
    assert "leave these out" in nirgan("data", "inspect", "set", "--headers", "--band", 1).refused
    assert "must be a positive number" in nirgan("data", "inspect", "set", "--full-scale", 0).refused


def test_what_was_seen_of_one_band_is_not_taken_for_another(nirgan: Nirgan, tmp_path: Path) -> None:
    for seed, side in enumerate(("nir", "rgb")):
        (tmp_path / "set" / side).mkdir(parents=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        assert cv2.imwrite(str(tmp_path / "set" / side / "a.png"), pixels)

    def correlation(*options: object) -> float:
        return json.loads(nirgan("data", "inspect", "set", "--json", *options).out)["pairs"][0]["correlation"]

    alone = [correlation("--band", band) for band in (1, 2)]
    assert [correlation("--band", band, "--out", "report") for band in (1, 2)] == alone
    assert alone[0] != alone[1]


def test_people_read_lines(nirgan: Nirgan, scenes: Path) -> None:
    grey = cv2.imread(str(scenes / "rgb" / f"{ODD}.png"), cv2.IMREAD_GRAYSCALE)
    assert cv2.imwrite(str(scenes / "nir" / f"{ODD}.png"), grey)
    ended = nirgan("data", "inspect", "scenes")
    assert ended.code == 0
    lines = ended.out.splitlines()
    assert [line.split()[0] for line in lines[:7]] == [
        *("layout", "pairing", "count", "band", "source", "target", "shift")
    ]
    assert lines[3] == "band     850 nm"
    assert "source   4 pictures, 64×48; uint8" in lines[4]
    place = lines.index("problem  grey as NIR: 1")
    assert "gray2rgb" in lines[place + 1]
    assert lines[place + 2].strip() == str(Path("scenes", "nir", f"{ODD}.png"))


def test_the_worst_pairs_are_in_a_table(nirgan: Nirgan, scenes: Path) -> None:
    result = json.loads(nirgan("data", "inspect", "scenes", "--json").out)
    lines = nirgan("data", "inspect", "scenes").out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("worst pairs"))
    rows = {line.split("  ")[0].strip(): line.split()[-4:] for line in lines[start + 1 :]}
    assert set(rows) == {pair["key"] for pair in result["pairs"]}
    for pair in result["pairs"]:
        if pair["confidence"] >= 0.5:
            shift = np.hypot(pair["x"], pair["y"])
            assert rows[pair["key"]] == [f"{value:.1f}" for value in (shift, pair["x"], pair["y"])] + [
                f"{pair['confidence']:.2f}"
            ]
        else:
            assert rows[pair["key"]][-2:] == ["?", f"{pair['confidence']:.2f}"]


@pytest.mark.parametrize("option", [(), ("--headers",)])
def test_unreadable_files_make_it_1_and_the_report_is_whole(
    nirgan: Nirgan, scenes: Path, option: tuple[str, ...]
) -> None:
    broken = max((scenes / "nir").iterdir())
    broken.write_bytes(b"no picture")
    ended = nirgan("data", "inspect", "scenes", *option, "--json")
    assert ended.code == 1
    problem = json.loads(ended.out)["problems"][0]
    assert problem == {"kind": "unreadable", "count": 1, "files": [str(Path("scenes", "nir", broken.name))]}
    if not option:
        ended.failed(broken.name)


def test_the_page_needs_nothing_else(nirgan: Nirgan, scenes: Path) -> None:
    ended = nirgan("data", "inspect", "scenes", "--out", "report", "--json")
    assert ended.code == 0, ended.err
    text = Path("report", "index.html").read_text(encoding="utf-8")
    page = Page(text)
    pictures = page.all("img")
    assert len(pictures) == 3 * len(page.all("figure")) == 12
    assert all(str(picture["src"]).startswith("data:image/jpeg;base64,") for picture in pictures)
    assert not page.all("script") + page.all("link") + page.all("iframe")
    assert "http" not in re.sub(r"base64,[^\"]*|http-equiv", "", text)
    assert "prefers-reduced-motion" in text
    assert all("onerror" not in attributes for _, attributes in page.tags)
    assert ODD in page.text
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert page.all("meta")[1]["content"] == policy


def test_the_page_shows_copies_those_in_several_splits_first(nirgan: Nirgan) -> None:
    dice = np.random.default_rng(0)
    rows = ["set,name,category,scene,split"]
    for names, splits in (("0123456", ["train"] * 7), (["leak", "of"], ["train", "test"])):
        target = dice.integers(0, 255, (24, 32, 3), np.uint8)
        for name, split in zip(names, splits, strict=True):
            for side, pixels in (("rgb", target), ("nir", dice.integers(0, 255, (24, 32), np.uint8))):
                Path("set", side).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(Path("set", side, f"{name}.png")), pixels)
            rows.append(f"set,{name},,,{split}")
    Path("set", "split.csv").write_text("\n".join(rows))
    ended = nirgan("data", "inspect", "set", "--out", "report")
    assert ended.code == 0, ended.err
    page = Page(Path("report", "index.html").read_text(encoding="utf-8"))
    leaking, training = (place for place, (_, given) in enumerate(page.tags) if given.get("class") == "copies")
    assert [tag for tag, _ in page.tags[leaking:training]].count("img") == 2
    assert [tag for tag, _ in page.tags[training : training + 9]].count("img") == 6
    assert page.text.index("set/leak (train), set/of (test)") < page.text.index("set/5 (train), … 7 in all")


def test_a_page_is_made_again_from_what_was_seen(nirgan: Nirgan, scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = nirgan("data", "inspect", "scenes", "--out", "report", "--json").out
    page = Path("report", "index.html").read_bytes()
    Path("report", "index.html").unlink()

    def read(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("nirgan.data.inspection.look.read_chosen", read)  # the page reads the worst pairs by itself
    assert nirgan("data", "inspect", "scenes", "--out", "report", "--json").out == first
    assert Path("report", "index.html").read_bytes() == page


def test_a_folder_that_cannot_be_made_is_refused(nirgan: Nirgan, scenes: Path) -> None:
    Path("taken").write_text("a file")
    assert "taken" in nirgan("data", "inspect", "scenes", "--out", "taken").refused


def look(shift: float, confidence: float | None) -> Look:
    return Look(None, None, PairLook(0.5, 0.6, 0.1, shift, 0.0, confidence), {})


def test_the_worst_pairs_come_first() -> None:
    looks = [look(1, 0.9), look(-9, 0.8), look(99, 0.3), look(4, 1), look(0, None), look(50, 0.1)]
    assert worst_pairs(looks) == [1, 3, 0, 5, 2]
    assert worst_pairs([*looks, Look(None, None, None, {})], most=2) == [1, 3]


def test_a_checkerboard_shows_both() -> None:
    source, target = np.zeros((3, 24, 40)), np.ones((3, 24, 40))
    board = checkerboard(source, target)
    assert board[:, :5, :5].max() == 0
    assert board[:, :5, 5:10].min() == 1
    assert board[:, 5:10, :5].min() == 1
    assert board.mean() == pytest.approx(0.5, abs=0.1)
