"""Archives of strangers: good ones, broken ones, and those that are made to do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nirgan.data.download.names import Taken, Unsafe, parts_of
from nirgan.data.download.unpack import Limits, unpack
from nirgan.errors import NirganError

FILES = {"set/nir/a.png": b"near", "set/rgb/a.png": b"colour" * 1000, "set/empty.txt": b"", "other/b.png": b"b"}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tgz": gzip.compress,
    "tar.xz": lzma.compress,
    "tar.bz2": bz2.compress,
}


def as_zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def as_tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o4777
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def tar_of(*infos: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for info in infos:
            archive.addfile(info)
    return packed.getvalue()


def out_of(tmp_path: Path, name: str, packed: bytes, *, inside: str = "", limits: Limits | None = None) -> Path:
    (tmp_path / name).write_bytes(packed)
    folder = tmp_path / "out"
    folder.mkdir()
    unpack(tmp_path / name, folder, inside=inside, show=lambda done, total: None, limits=limits or Limits())
    return folder


def refused(tmp_path: Path, name: str, packed: bytes, match: str, limits: Limits | None = None) -> None:
    with pytest.raises(NirganError, match=f"{name}: not unpacked: .*{match}"):
        out_of(tmp_path, name, packed, limits=limits)
    outside = {path for path in tmp_path.rglob("*") if "out" not in path.relative_to(tmp_path).parts}
    assert outside == {tmp_path / name}


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["zip", *PACKERS])
def test_files_come_out_as_they_went_in(tmp_path: Path, kind: str) -> None:
    packed = as_zip(FILES) if kind == "zip" else PACKERS[kind](as_tar(FILES))
    folder = out_of(tmp_path, f"s.{kind}", packed)
    assert tree(folder) == FILES
    assert all(path.stat().st_mode & 0o6111 == 0 for path in folder.rglob("*") if path.is_file())  # plain files


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_one_folder_of_it(tmp_path: Path, kind: str) -> None:
    packed = as_zip(FILES) if kind == "zip" else PACKERS[kind](as_tar(FILES))
    assert set(tree(out_of(tmp_path, f"s.{kind}", packed, inside="set"))) == {"nir/a.png", "rgb/a.png", "empty.txt"}
    (tmp_path / "more").mkdir()
    with pytest.raises(NirganError, match=r"holds no files in else/where/, but 'other', 'set'"):
        out_of(tmp_path / "more", f"s.{kind}", packed, inside="else/where")


def test_folders_and_dots_and_backslashes_are_understood(tmp_path: Path) -> None:
    packed = as_zip({"./set/": b"", "./set/./nir//a.png": b"a", "set\\rgb\\a.png": b"b"})
    assert tree(out_of(tmp_path, "s.zip", packed)) == {"set/nir/a.png": b"a", "set/rgb/a.png": b"b"}


BAD_NAMES = [
    ("../evil.png", "leads out"),
    ("set/../../evil.png", "leads out"),
    ("set\\..\\..\\evil.png", "leads out"),
    ("..", "leads out"),
    ("/evil.png", "absolute"),
    ("//host/evil.png", "absolute"),
    ("\\evil.png", "absolute"),
    ("C:\\evil.png", "absolute"),
    ("c:evil.png", "absolute"),
    ("set/evil.png:stream", "on every system"),
    ("set/nul.png", "on every system"),
    ("COM1/evil.png", "on every system"),
    ("set./evil.png", "on every system"),
    ("set/evil.png ", "on every system"),
    ("set/ev\nil.png", "on every system"),
    ("set/ev\x1bil.png", "on every system"),
]


@pytest.mark.parametrize(("name", "why"), BAD_NAMES)
def test_unsafe_names_are_refused(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(Unsafe, match=why):
        parts_of(name)
    refused(tmp_path, "s.zip", as_zip({name: b"evil"}), why)
    (tmp_path / "tar").mkdir()
    refused(tmp_path / "tar", "s.tar", as_tar({name: b"evil"}), why)


def test_a_name_that_ends_early_is_refused(tmp_path: Path) -> None:
    packed = as_zip({"set/good.png_evil.png": b"evil"}).replace(b"png_", b"png\0")  # in both headers
    refused(tmp_path, "s.zip", packed, "on every system")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
@pytest.mark.parametrize("target", ["/etc/passwd", "../../evil", "set/inside.png"])
def test_links_and_devices_in_tar_are_refused(tmp_path: Path, kind: bytes, target: str) -> None:
    info = tarfile.TarInfo("set/link.png")
    info.type, info.linkname = kind, target
    refused(tmp_path, "s.tar", tar_of(info), "a link, a device")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_zip_are_refused(tmp_path: Path, kind: int) -> None:
    info = zipfile.ZipInfo("set/link.png")
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    refused(tmp_path, "s.zip", packed.getvalue(), "a link or a device")


SMALL = Limits(files=100, least=10_000, ratio=100)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    packed = as_zip({"zeros.png": bytes(10**7)})
    assert len(packed) < 10**7 / 500
    refused(tmp_path, "s.zip", packed, "unpack to 10 MB, far more", SMALL)
    assert not tree(tmp_path / "out")


@pytest.mark.parametrize("kind", ["tar.gz", "tar.xz", "tar.bz2"])
def test_a_tar_bomb_is_stopped_on_its_way(tmp_path: Path, kind: str) -> None:
    packed = PACKERS[kind](as_tar({"zeros.png": bytes(10**7)}))
    refused(tmp_path, f"s.{kind}", packed, "far more than its size", SMALL)
    assert sum(map(len, tree(tmp_path / "out").values())) < 3 * 10**6


def test_a_bomb_outside_the_folder_that_is_wanted_is_stopped_too(tmp_path: Path) -> None:
    packed = gzip.compress(as_tar({"other/zeros.png": bytes(10**7), "set/a.png": b"a"}))
    with pytest.raises(NirganError, match="far more than its size"):
        out_of(tmp_path, "s.tar.gz", packed, inside="set", limits=SMALL)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    refused(tmp_path, "s.zip", as_zip({f"{n}": b"" for n in range(101)}), "more than 100 files", SMALL)


@pytest.mark.parametrize(("declared", "why"), [(10, "damaged"), (5000, "1000 bytes, not the 5000 that it declares")])
def test_a_size_that_is_not_the_declared_one_is_noticed(tmp_path: Path, declared: int, why: str) -> None:
    packed = bytearray(as_zip({"a.png": bytes(1000)}))
    struct.pack_into("<L", packed, packed.index(b"PK\1\2") + 24, declared)  # in the directory, which zipfile believes
    refused(tmp_path, "s.zip", bytes(packed), why)


def test_a_header_that_claims_gigabytes_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("header")
    info.type, info.size = tarfile.XHDTYPE, 2**30
    refused(tmp_path, "s.tar.gz", gzip.compress(info.tobuf(format=tarfile.USTAR_FORMAT) + bytes(1024)), "too long")


def test_a_negative_size_does_not_read_for_ever(tmp_path: Path) -> None:
    info = tarfile.TarInfo("back.png")
    info.size = -512
    refused(tmp_path, "s.tar", info.tobuf(format=tarfile.GNU_FORMAT) + bytes(1024), "")


@pytest.mark.parametrize(
    "names",
    [
        ("a/X.png", "a/x.png"),
        ("A/x.png", "a/y.png"),
        ("x.png", "x.png"),
        ("x", "x/y.png"),
        ("x/y.png", "x"),
        ("caf\u00e9.png", "cafe\u0301.png"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_on_some_disk_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    refused(tmp_path, "s.zip", packed.getvalue(), "twice")


def test_paths_may_share_folders() -> None:
    taken = Taken()
    for name in ("a/b/1.png", "a/b/2.png", "a/1.png", "1.png"):
        taken.add(parts_of(name), folder=False)
    taken.add(("a", "b"), folder=True)
    with pytest.raises(Unsafe):
        taken.add(("a", "b", "1.png"), folder=True)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_damage_is_said(tmp_path: Path, kind: str) -> None:
    content = {"a.png": bytes(range(256)) * 100, "b.png": bytes(range(256)) * 100}
    packed = as_zip(content, zipfile.ZIP_STORED) if kind == "zip" else PACKERS[kind](as_tar(content))
    refused(tmp_path, f"s.{kind}", packed[: len(packed) // 2], "damaged")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_another_kind_than_the_name_says(tmp_path: Path, kind: str) -> None:
    refused(tmp_path, f"s.{kind}", b"<html>Please log in</html>" * 100, "damaged")


def test_a_changed_byte_in_a_zip_is_noticed(tmp_path: Path) -> None:
    packed = as_zip({"a.png": b"content" * 100}, zipfile.ZIP_STORED).replace(b"content", b"kontent", 1)
    refused(tmp_path, "s.zip", packed, "damaged.*CRC")


def test_what_zipfile_cannot_bound_or_read_is_left_to_people(tmp_path: Path) -> None:
    refused(tmp_path, "s.zip", as_zip(FILES, zipfile.ZIP_BZIP2), "deflate")
    (tmp_path / "more").mkdir()
    packed = bytearray(as_zip({"a.png": b"secret"}))
    packed[packed.index(b"PK\1\2") + 8] |= 1
    refused(tmp_path / "more", "s.zip", bytes(packed), "encrypted")


def test_an_empty_archive_is_no_set(tmp_path: Path) -> None:
    refused(tmp_path, "s.zip", as_zip({}), "no files, but nothing")
