"""Colour hints: values, tables, which picture they are for, and where they land."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from nirgan import Hint
from nirgan.errors import NirganError
from nirgan.models.hints import Hints


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "points.csv"
    path.write_text(text, encoding="utf-8")
    return path


def picture(path: Path, *, height: int = 20, width: int = 30) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width), 99, np.uint8))
    return path


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color", ["#8c2f26", "#FFFFFF", "#0000ff", "#808080"])
def test_a_hints_colours_are_labs(color: str) -> None:
    rgb = np.array([int(color[at : at + 2], 16) for at in (1, 3, 5)], np.uint8)
    expected = torch.from_numpy(rgb2lab(rgb[None, None])[0, 0, 1:]).float()
    assert torch.allclose(Hint(0, 0, color).ab(), expected, atol=0.02)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"color": "red"}, "color 'red' is no color: write #rrggbb"),
        ({"color": "#12345"}, "color '#12345'"),
        ({"color": "#12345g"}, "color '#12345g'"),
        ({"color": "x#123456"}, "color 'x#123456'"),
        ({"color": 7}, "color 7"),
        ({"x": float("nan")}, "x is nan"),
        ({"y": float("inf")}, "y is inf"),
        ({"x": "3"}, "x is '3'"),
        ({"radius": -1}, "radius is -1"),
        ({"radius": float("nan")}, "radius is nan"),
        ({"file": "."}, "file is '.'"),
    ],
)
def test_what_is_no_hint_is_refused(values: dict, words: str) -> None:
    with pytest.raises(NirganError, match=words.replace("(", r"\(")):
        Hint(**{"x": 1, "y": 2, "color": "#123456", **values})


def test_numbers_may_be_numpys() -> None:
    assert Hint(np.int64(3), np.float32(4), "#123456").x == 3


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_table_is_read(tmp_path: Path) -> None:
    path = table(tmp_path, "file,x,y,radius,color\na.png,3,4.5,2,#0000ff\n\n,5,6,,#00ff00\n")
    assert Hints.make(path) == Hints.make(str(path)) == Hints(
        (Hint(3, 4.5, "#0000ff", 2, "a.png"), Hint(5, 6, "#00ff00"))
    )  # fmt: skip


def test_columns_may_stand_anywhere_or_be_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, "\ufeffcolor, y, x, note\n#0000ff, 4, 3, the door\n")
    assert Hints.make(path).hints == (Hint(3, 4, "#0000ff"),)


def test_a_table_without_rows_has_no_hints(tmp_path: Path) -> None:
    assert Hints.make(table(tmp_path, "x,y,color\n")).hints == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "first line must be file,x,y,radius,color"),
        ("3,4,#0000ff\n", "first line must be"),
        ("x,y,colour\n3,4,#0000ff\n", "first line must be"),
        ("x,y,color\n3,4,#0000ff\n3,4,blue\n", "line 3: color 'blue'"),
        ("x,y,color\n3,,#0000ff\n", "line 2: x and y must be given"),
        ("x,y,color\n3\n", "line 2: x and y must be given"),
        ("x,y,color\n3,four,#0000ff\n", "line 2: y is 'four', but must be a number of pixels"),
        ("x,y,color\n3,nan,#0000ff\n", "line 2: a hint's y is nan"),
        ("x,y,radius,color\n3,4,-2,#0000ff\n", "line 2: a hint's radius is -2"),
        ("x,y,color\n3,4,\n", "line 2: color ''"),
    ],
)
def test_what_is_wrong_with_a_table_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(NirganError, match=words) as refused:
        Hints.make(table(tmp_path, text))
    assert str(refused.value).startswith(str(tmp_path / "points.csv"))
    assert "\n" not in str(refused.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="none.csv: cannot be read"):
        Hints.make(tmp_path / "none.csv")


def test_hints_are_made_from_what_may_stand_for_them() -> None:
    hint = Hint(1, 2, "#123456")
    made = Hints.make([hint])
    assert made.hints == (hint,)
    assert Hints.make(made) is made
    for wrong in (7, [hint, "#123456"], {"x": 1}):
        with pytest.raises(NirganError, match="a list of Hint"):
            Hints.make(wrong)


# --- whose they are ---------------------------------------------------------------------------------------------------


def test_each_picture_has_its_own_over_those_for_all() -> None:
    own, every, other = Hint(1, 1, "#111111", file="a.png"), Hint(2, 2, "#222222"), Hint(3, 3, "#333333", file="b.png")
    hints = Hints((own, every, other))
    assert hints.of(Path("somewhere/a.png")).hints == (every, own)
    assert hints.of(Path("c.png")).hints == hints.of(None).hints == (every,)


def test_a_name_may_hold_as_much_of_the_path_as_tells_it_apart(tmp_path: Path) -> None:
    one, two = tmp_path / "one" / "a.png", tmp_path / "two" / "a.png"
    for file, meant in (
        ("a.png", [one, two]),
        ("one/a.png", [one]),
        (str(two), [two]),
        ("ne/a.png", []),
        ("A.png", []),
    ):
        hints = Hints((Hint(1, 1, "#123456", file=file),))
        assert [path for path in (one, two) if hints.of(path).hints] == meant, file


def test_relative_paths_are_found_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    hints = Hints((Hint(1, 1, "#123456", file="../pictures/a.png"), Hint(1, 1, "#123456", file="./b.png")))
    assert hints.of(Path("../pictures/a.png")).hints == hints.hints[:1]
    assert hints.of(Path("b.png")).hints == hints.hints[1:]


def test_names_need_not_be_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes(b"file,x,y,color\ncaf\xe9.png,1,1,#123456\n")
    assert len(Hints.make(path).of(tmp_path / os.fsdecode(b"caf\xe9.png")).hints) == 1


def test_hints_are_checked_against_the_pictures(tmp_path: Path) -> None:
    a, b = picture(tmp_path / "a.png"), picture(tmp_path / "b.png", height=50, width=60)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    corners = [Hint(x, y, "#123456") for x in (0, 29) for y in (0, 19)]
    Hints((*corners, Hint(59, 49, "#123456", file="b.png"))).check([a, b, broken])
    with pytest.raises(NirganError, match=r"'c\.png', but no picture of that name"):
        Hints((Hint(1, 1, "#123456", file="c.png"),)).check([a, b])
    for x, y in ((30, 5), (5, 20), (-1, 5), (5, -0.5)):
        with pytest.raises(
            NirganError, match=rf"a\.png: a hint at x={x:g}, y={y:g} lies outside of the picture of 30×20"
        ):
            Hints((Hint(x, y, "#123456"),)).check([b, a] if x > 0 and y > 0 else [a])


# --- where they land --------------------------------------------------------------------------------------------------


def span(drawn: torch.Tensor) -> tuple[int, int, int, int]:
    """First and last row, first and last column of the mask, which has no holes."""
    rows, columns = drawn[2].any(1).nonzero().flatten(), drawn[2].any(0).nonzero().flatten()
    top, bottom, left, right = int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])
    assert drawn[2, top : bottom + 1, left : right + 1].all()
    return top, bottom, left, right


@pytest.mark.parametrize(
    ("radius", "working", "expected"),
    [
        (4, (100, 200), (16, 24, 6, 14)),
        (0, (100, 200), (20, 20, 10, 10)),
        # At half the size the middle (20.5, 10.5) is at (10.25, 5.25), and 4.5 pixels on each side are 2.25.
        (4, (50, 100), (8, 12, 3, 7)),
        # A tenth of a pixel still is one.
        (0, (10, 20), (2, 2, 1, 1)),
        # At twice the size a pixel is a square of four.
        (0, (200, 400), (40, 41, 20, 21)),
        # Without a radius a hint reaches 3 pixels of the working size.
        (None, (100, 200), (17, 23, 7, 13)),
        (None, (50, 100), (7, 13, 2, 8)),
    ],
)
def test_hints_scale_with_the_picture(radius: float | None, working: tuple[int, int], expected: tuple) -> None:
    drawn = Hints((Hint(10, 20, "#8c2f26", radius),)).draw((100, 200), working)
    assert drawn.shape == (3, *working)
    assert span(drawn) == expected
    inside = drawn[2] == 1
    assert torch.equal(drawn[:2, inside], Hint(0, 0, "#8c2f26").ab()[:, None].expand(2, int(inside.sum())))
    assert not drawn[:, ~inside].any()


@pytest.mark.parametrize("working", [(64, 128), (96, 200), (256, 512), (33, 70), (300, 600)])
def test_the_same_hint_lands_on_the_same_place_at_any_size(working: tuple[int, int]) -> None:
    top, bottom, left, right = span(Hints((Hint(150, 40, "#8c2f26", 8),)).draw((100, 200), working))
    assert (top + bottom + 1) / 2 / working[0] == pytest.approx(40.5 / 100, abs=0.75 / working[0])
    assert (left + right + 1) / 2 / working[1] == pytest.approx(150.5 / 200, abs=0.75 / working[1])
    assert (bottom - top + 1) / working[0] == pytest.approx(17 / 100, abs=1.01 / working[0])


def test_hints_at_the_border_are_cut() -> None:
    drawn = Hints((Hint(0, 0, "#111111", 3), Hint(199, 99, "#8c2f26", 3))).draw((100, 200), (100, 200))
    assert drawn[2, :4, :4].all()
    assert drawn[2, -4:, -4:].all()
    assert drawn[2].sum() == 32


def test_later_hints_lie_on_top() -> None:
    drawn = Hints((Hint(5, 5, "#ff0000", 3), Hint(5, 5, "#0000ff", 1))).draw((12, 12), (12, 12))
    assert torch.equal(drawn[:2, 5, 5], Hint(0, 0, "#0000ff").ab())
    assert torch.equal(drawn[:2, 5, 8], Hint(0, 0, "#ff0000").ab())


def test_a_hint_outside_is_refused_where_it_is_drawn() -> None:
    with pytest.raises(NirganError, match="x=12, y=5 lies outside of the picture of 12×12"):
        Hints((Hint(12, 5, "#ff0000"),)).draw((12, 12), (6, 6))
