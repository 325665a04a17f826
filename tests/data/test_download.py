"""Fetching a file, and a whole set, from a web site that behaves well, badly and worse."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request

import pytest
from web_site import Offer, Site, serve

from nirgan.data.cards import Card, CardFile
from nirgan.data.download import room
from nirgan.data.download.fetch import Part, Show, Version, fetch
from nirgan.data.download.run import ORIGIN, download_set
from nirgan.data.download.web import _OnTheWeb
from nirgan.errors import NirganError
from nirgan.lock import alone

CONTENT = bytes(range(250)) * 20
OTHER = CONTENT[::-1] + b"longer"
YESTERDAY = "Fri, 20 Nov 2026 10:00:00 GMT"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    yield from serve(monkeypatch)


def get(url: str, folder: Path, size: int | None = None) -> bytes:
    fetch(url, folder / "file.bin", size=size, show=lambda done, total: None)
    assert [path.name for path in folder.iterdir()] == ["file.bin"]
    return (folder / "file.bin").read_bytes()


def test_a_whole_file_comes_at_once(site: Site, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    fetch(site.put("f", Offer(CONTENT)), tmp_path / "f", size=5000, show=lambda done, total: told.append((done, total)))
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert site.asked == [""]
    assert told[-1] == (5000, 5000)


@pytest.mark.parametrize(("etag", "changed"), [('"1"', ""), ("", YESTERDAY), ('W/"1"', YESTERDAY), ('"1"', YESTERDAY)])
def test_a_cut_file_goes_on_where_it_was_cut(site: Site, tmp_path: Path, etag: str, changed: str) -> None:
    def offer(sent: int | None) -> Offer:
        return Offer(CONTENT, etag=etag, changed=changed, sent=sent)

    assert get(site.put("f", offer(1000), offer(500), offer(None)), tmp_path) == CONTENT
    assert site.asked == ["", "bytes=1000-", "bytes=1500-"]


def test_what_has_come_waits_for_the_next_call(site: Site, tmp_path: Path) -> None:
    url = site.put("f", Offer(CONTENT, sent=1000), Offer(CONTENT, sent=0))
    with pytest.raises(NirganError, match=r"4 times without progress. 1 kB are in .*file.bin.part; run it again"):
        get(url, tmp_path)
    assert len(site.asked) == 5  # one that brought something, and four that did not
    site.put("f", Offer(CONTENT))
    assert get(url, tmp_path) == CONTENT
    assert site.asked[-1] == "bytes=1000-"


def test_progress_makes_patience_new(site: Site, tmp_path: Path) -> None:
    cuts = [offer for _ in range(10) for offer in (Offer(CONTENT, sent=100), Offer(CONTENT, sent=0))]
    assert get(site.put("f", *cuts, Offer(CONTENT)), tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("second", "ranges"),
    [
        (Offer(OTHER, etag='"2"'), ["", "bytes=1000-"]),  # minds the condition and sends the new file whole
        (Offer(OTHER, etag='"2"', minds_condition=False), ["", "bytes=1000-", ""]),  # sends the rest of the new file
        (Offer(OTHER, etag="", minds_condition=False), ["", "bytes=1000-", ""]),  # of another length
        (Offer(CONTENT[:900], etag='"2"', minds_condition=False), ["", "bytes=1000-", ""]),  # shorter than what is here
    ],
)
def test_a_file_that_changed_starts_again(site: Site, tmp_path: Path, second: Offer, ranges: list[str]) -> None:
    assert get(site.put("f", Offer(CONTENT, sent=1000), second), tmp_path) == second.content
    assert site.asked == ranges


def test_a_server_without_ranges_starts_again(site: Site, tmp_path: Path) -> None:
    url = site.put("f", Offer(CONTENT, sent=1000, ranges=False), Offer(CONTENT, ranges=False))
    assert get(url, tmp_path) == CONTENT
    assert site.asked == ["", "bytes=1000-"]


def test_without_a_version_nothing_is_added_to_what_is_here(site: Site, tmp_path: Path) -> None:
    assert get(site.put("f", Offer(CONTENT, etag="", sent=1000), Offer(OTHER, etag="")), tmp_path) == OTHER
    assert site.asked == ["", ""]


def test_without_a_version_a_checksum_lets_it_go_on(site: Site, tmp_path: Path) -> None:
    url = site.put("s.zip", Offer(CONTENT, etag="", sent=1000), Offer(CONTENT, etag="", sent=500), Offer(CONTENT))
    fetch(url, tmp_path / "s.zip", size=None, checked=True, show=lambda done, total: None)
    assert (tmp_path / "s.zip").read_bytes() == CONTENT
    assert site.asked == ["", "bytes=1000-", "bytes=1500-"]


def test_a_file_that_was_whole_when_a_call_was_killed_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    url, part = site.put("f", Offer(OTHER)), Part(tmp_path / "file.bin")
    part.start(Version(url, '"1"', "", 5000))
    part.path.write_bytes(CONTENT)
    assert get(url, tmp_path) == CONTENT
    assert site.asked == []


def test_another_address_starts_again(site: Site, tmp_path: Path) -> None:
    part = Part(tmp_path / "file.bin")
    part.start(Version(f"{site.root}/elsewhere", '"1"', "", 5000))
    part.path.write_bytes(b"elsewhere")
    assert get(site.put("f", Offer(CONTENT)), tmp_path) == CONTENT


def test_a_missing_file_is_not_asked_for_twice(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NirganError, match=r"/gone: the server answers 404"):
        get(f"{site.root}/gone", tmp_path)
    assert len(site.asked) == 1


def test_a_server_that_is_busy_is_asked_again(site: Site, tmp_path: Path) -> None:
    assert get(site.put("f", Offer(status=503), Offer(status=429), Offer(CONTENT)), tmp_path) == CONTENT


def test_nobody_there(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NirganError, match=r"127.0.0.1:1/f: no answer"):
        get("http://127.0.0.1:1/f", tmp_path)


def test_another_size_than_the_cards_is_refused_before_it_comes(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="offers 5000 bytes, the card says 999"):
        get(site.put("f", Offer(CONTENT)), tmp_path, size=999)
    assert not list(tmp_path.iterdir())


def test_a_server_that_does_not_say_the_size_is_held_to_the_cards(site: Site, tmp_path: Path) -> None:
    silent = Offer(CONTENT, says_length=False)
    assert get(site.put("f", silent), tmp_path, size=5000) == CONTENT
    (tmp_path / "file.bin").unlink()
    with pytest.raises(NirganError, match="more than the 4000 bytes"):
        get(site.put("f", silent), tmp_path, size=4000)
    assert not list(tmp_path.iterdir())


def test_redirects_within_the_web_are_followed(site: Site, tmp_path: Path) -> None:
    site.put("there", Offer(CONTENT))
    assert get(site.put("f", Offer(location="/there")), tmp_path) == CONTENT


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/f", "data:text/plain,x", "gopher://x/"])
def test_redirects_out_of_the_web_are_refused(site: Site, tmp_path: Path, location: str) -> None:
    with pytest.raises(NirganError, match="edirect"):
        get(site.put("f", Offer(location=location)), tmp_path)
    assert len(site.asked) == 1
    assert not list(tmp_path.iterdir())


def test_a_redirect_never_gives_up_encryption() -> None:
    old = Request("https://example.org/f")
    with pytest.raises(NirganError, match="not encrypted"):
        _OnTheWeb().redirect_request(old, io.BytesIO(), 302, "Found", {}, "http://example.org/f")  # type: ignore[arg-type]


def test_a_circle_of_redirects_ends(site: Site, tmp_path: Path) -> None:
    with pytest.raises(NirganError, match="302"):
        get(site.put("f", Offer(location="/f")), tmp_path)


def test_room_is_looked_for_first(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 70 * 10**6)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: usage)
    room.require_room(tmp_path, 2 * 10**6, "it")  # 64 MiB = 67.1 MB stay free
    with pytest.raises(NirganError, match=r"it needs 5 MB, 2.89 MB are free.*--out"):
        room.require_room(tmp_path, 5 * 10**6, "it")


@pytest.mark.parametrize(
    ("size", "words"), [(17, "17 bytes"), (5000, "5 kB"), (952431486, "952 MB"), (19336861798, "19.3 GB")]
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert room.in_words(size) == words


# A whole set.


@contextmanager
def silent(work: str) -> Iterator[Show]:
    yield lambda done, total: None


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


PAIR = {"set/nir/a.png": b"near", "set/rgb/a.png": b"colour", "set/readme.txt": b"words", "other/b.png": b"b"}


def card(*files: CardFile, access: str = "open", **facts: str) -> Card:
    return Card(name="tiny", title="Tiny", layout="nir-rgb", pairing="registered", access=access, files=files, **facts)  # type: ignore[arg-type]


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_set_appears_complete_and_is_not_fetched_twice(site: Site, tmp_path: Path) -> None:
    packed = zipped(PAIR)
    one = card(
        CardFile(url=site.put("s.zip", Offer(packed)), sha256=sha256(packed), size_bytes=len(packed), inside="set")
    )
    done = download_set(one, tmp_path / "data" / "tiny", silent)
    assert (done.was_there, done.files[0].against, done.files[0].sha256) == (False, "sha256", sha256(packed))
    here = tree(tmp_path)
    origin = json.loads(here.pop(f"data/tiny/{ORIGIN}"))
    assert origin["files"][0]["sha256"] == sha256(packed)
    assert here == {"data/tiny/nir/a.png": b"near", "data/tiny/rgb/a.png": b"colour", "data/tiny/readme.txt": b"words"}
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["tiny"]
    again = download_set(one, tmp_path / "data" / "tiny", silent)
    assert (again.was_there, again.files) == (True, done.files)
    assert len(site.asked) == 1


def test_files_go_where_the_card_says(site: Site, tmp_path: Path) -> None:
    train, val = zipped({"train2017/a.jpg": b"a"}), zipped({"val2017/b.jpg": b"b"})
    (tmp_path / "tiny").mkdir()  # an empty folder is no obstacle
    download_set(
        card(
            CardFile(url=site.put("train.zip", Offer(train)), inside="train2017", into="train"),
            CardFile(url=site.put("val.zip", Offer(val)), inside="val2017", into="val"),
            CardFile(url=site.put("c.png", Offer(b"c")), into="val"),
        ),
        tmp_path / "tiny",
        silent,
    )
    here = tree(tmp_path / "tiny")
    del here[ORIGIN]
    assert here == {"train/a.jpg": b"a", "val/b.jpg": b"b", "val/c.png": b"c"}


def test_a_wrong_checksum_stops_it_and_is_thrown_away(site: Site, tmp_path: Path) -> None:
    good, bad = zipped(PAIR), zipped({"set/nir/a.png": b"evil"})
    one = card(CardFile(url=site.put("s.zip", Offer(bad)), sha256=sha256(good), inside="set"))
    with pytest.raises(NirganError, match=f"sha256 is {sha256(bad)}, the card says {sha256(good)}.*thrown away"):
        download_set(one, tmp_path / "tiny", silent)
    assert not (tmp_path / "tiny").exists()
    assert not (tmp_path / "tiny.part" / "s.zip").exists()
    site.put("s.zip", Offer(good))
    download_set(one, tmp_path / "tiny", silent)
    assert (tmp_path / "tiny" / "nir" / "a.png").read_bytes() == b"near"


def test_a_page_that_says_sorry_is_no_archive_and_is_not_kept(site: Site, tmp_path: Path) -> None:
    one = card(CardFile(url=site.put("s.zip", Offer(b"<html>We have moved</html>")), inside="set"))
    with pytest.raises(NirganError, match=r"s\.zip: not unpacked: it is damaged.*thrown away"):
        download_set(one, tmp_path / "tiny", silent)
    site.put("s.zip", Offer(zipped(PAIR)))
    download_set(one, tmp_path / "tiny", silent)
    assert (tmp_path / "tiny" / "nir" / "a.png").read_bytes() == b"near"


def test_what_could_be_checked_is_said(site: Site, tmp_path: Path) -> None:
    packed = zipped(PAIR)
    url, md5 = site.put("s.zip", Offer(packed)), hashlib.md5(packed).hexdigest()
    known = {"nothing": {}, "size": {"size_bytes": len(packed)}, "md5": {"md5": md5}}
    for name, facts in known.items():
        done = download_set(card(CardFile(url=url, **facts)), tmp_path / name, silent)  # type: ignore[arg-type]
        assert done.files[0].against == name
        assert sha256(packed) in done.files[0].words
    assert "could not be checked" in download_set(card(CardFile(url=url)), tmp_path / "nothing", silent).files[0].words
    with pytest.raises(NirganError, match=f"md5 is {md5}, the card says {'0' * 32}"):
        download_set(card(CardFile(url=url, md5="0" * 32)), tmp_path / "wrong", silent)


def test_bytes_of_two_versions_are_found_out_and_thrown_away(site: Site, tmp_path: Path) -> None:
    good = zipped(PAIR)
    mixed = Offer(good[:-1] + bytes([good[-1] ^ 1]), etag="")
    url = site.put("s.zip", Offer(good, etag="", sent=100), mixed)
    one = card(CardFile(url=url, sha256=sha256(good), inside="set"))
    with pytest.raises(NirganError, match="thrown away"):
        download_set(one, tmp_path / "tiny", silent)
    assert site.asked == ["", "bytes=100-"]
    site.put("s.zip", Offer(good, etag=""))
    download_set(one, tmp_path / "tiny", silent)
    assert (tmp_path / "tiny" / "nir" / "a.png").read_bytes() == b"near"


def test_archives_that_a_kill_left_are_cleared_away(site: Site, tmp_path: Path) -> None:
    """The call was killed after its folder had got its name."""
    one = card(CardFile(url=site.put("s.zip", Offer(zipped(PAIR))), inside="set"))
    download_set(one, tmp_path / "tiny", silent)
    (tmp_path / "tiny.part").mkdir()
    (tmp_path / "tiny.part" / "s.zip").write_bytes(zipped(PAIR))
    (tmp_path / "tiny.part" / ".lock").touch()
    assert download_set(one, tmp_path / "tiny", silent).was_there
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_single_pictures_take_their_room_once(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.copyfile", lambda *args: pytest.fail("was copied"))
    download_set(card(CardFile(url=site.put("c.png", Offer(b"c")))), tmp_path / "tiny", silent)
    assert (tmp_path / "tiny" / "c.png").read_bytes() == b"c"


def test_two_calls_at_once_keep_apart(site: Site, tmp_path: Path) -> None:
    one = card(CardFile(url=site.put("s.zip", Offer(zipped(PAIR)))))
    with alone(tmp_path / "tiny.part"), pytest.raises(NirganError, match=r"tiny\.part: another process"):
        download_set(one, tmp_path / "tiny", silent)
    download_set(one, tmp_path / "tiny", silent)


def test_an_interrupted_set_goes_on(site: Site, tmp_path: Path) -> None:
    first, second = zipped(PAIR), zipped({f"{n}.png": bytes([n]) * 50 for n in range(20)})
    one = card(
        CardFile(url=site.put("1.zip", Offer(first))),
        CardFile(url=site.put("2.zip", Offer(second, sent=700), Offer(second, sent=0))),
    )
    with pytest.raises(NirganError, match="run it again"):
        download_set(one, tmp_path / "tiny", silent)
    assert not (tmp_path / "tiny").exists()
    site.put("2.zip", Offer(second))
    site.asked.clear()
    download_set(one, tmp_path / "tiny", silent)
    assert site.asked == ["bytes=700-"]  # the first file is here, the second goes on
    assert (tmp_path / "tiny" / "7.png").read_bytes() == b"\7" * 50
    assert not (tmp_path / "tiny.part").exists()


def test_a_kill_while_unpacking_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    (tmp_path / "tiny.part" / ".unpacked" / "nir").mkdir(parents=True)
    (tmp_path / "tiny.part" / ".unpacked" / "nir" / "half.png").write_bytes(b"half")
    download_set(card(CardFile(url=site.put("s.zip", Offer(zipped(PAIR))))), tmp_path / "tiny", silent)
    assert not list(tmp_path.rglob("half.png"))


def test_a_malicious_archive_makes_no_folder(site: Site, tmp_path: Path) -> None:
    evil = zipped({"nir/a.png": b"good", "../../evil.png": b"evil"})
    with pytest.raises(NirganError, match=r"s.zip: not unpacked: .*leads out of its folder, '../../evil.png'"):
        download_set(card(CardFile(url=site.put("s.zip", Offer(evil)))), tmp_path / "in" / "tiny", silent)
    assert set(tree(tmp_path)) <= {"in/tiny.part/s.zip", "in/tiny.part/.lock"}


def test_a_folder_of_somebody_else_is_left_alone(site: Site, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / "mine.png").write_bytes(b"mine")
    with pytest.raises(NirganError, match="is there already"):
        download_set(card(CardFile(url=site.put("s.zip", Offer(zipped(PAIR))))), tmp_path / "tiny", silent)
    assert tree(tmp_path) == {"tiny/mine.png": b"mine"}
    assert site.asked == []


def test_a_set_behind_a_form_is_unpacked_once_its_archive_is_there(site: Site, tmp_path: Path) -> None:
    packed = zipped(PAIR)
    url = site.put("s.zip", Offer(packed))
    closed = card(CardFile(url=url, sha256=sha256(packed), inside="set"), access="form", obtain="Ask Ann.")
    with pytest.raises(NirganError, match=r"form.*Ask Ann. Put s.zip into .*tiny.part and run this again"):
        download_set(closed, tmp_path / "tiny", silent)
    assert not list(tmp_path.iterdir())
    (tmp_path / "tiny.part").mkdir()
    (tmp_path / "tiny.part" / "s.zip").write_bytes(b"wrong")
    with pytest.raises(NirganError, match="put the right file there"):
        download_set(closed, tmp_path / "tiny", silent)
    assert (tmp_path / "tiny.part" / "s.zip").read_bytes() == b"wrong"  # somebody's own file
    (tmp_path / "tiny.part" / "s.zip").write_bytes(packed)
    download_set(closed, tmp_path / "tiny", silent)
    assert (tmp_path / "tiny" / "rgb" / "a.png").read_bytes() == b"colour"
    assert (tmp_path / "tiny.part" / "s.zip").read_bytes() == packed
    assert site.asked == []


@pytest.mark.parametrize(
    ("access", "words"),
    [("form", "a form"), ("login", "a login"), ("unknown", "on what terms"), ("open", "names no file")],
)
def test_a_set_that_cannot_be_fetched_says_what_to_do(tmp_path: Path, access: str, words: str) -> None:
    facts = {"obtain": "Ask Ann", "arrange": "sort them first"}
    with pytest.raises(NirganError, match=rf"tiny: not fetched.*{words}.*Ask Ann. Put the pictures into .*; sort them"):
        download_set(card(access=access, **facts), tmp_path / "tiny", silent)
