"""The members of zip and tar archives, all alike; none is extracted by ``zipfile`` or ``tarfile`` themselves.

So neither modes nor owners nor links can come along: a member is a checked name and the bytes of a plain file, or it is
refused. (``tarfile``'s own ``filter="data"`` would let links through that stay inside, and is not there in the first
releases of Python 3.11.)
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from nirgan.data.download.names import Damaged, Unsafe, shown

_PIECE = 2**20
_LONGEST_READ = 16 * 2**20
"""No header of an honest archive is longer; pieces of files are shorter."""

_OPENERS: dict[str, Callable[[Path], AbstractContextManager[Any]]] = {
    ".tar": lambda path: path.open("rb"),
    ".tar.gz": gzip.open,
    ".tgz": gzip.open,
    ".tar.xz": lzma.open,
    ".txz": lzma.open,
    ".tar.bz2": bz2.open,
    ".tbz2": bz2.open,
}

T = TypeVar("T")


@dataclass(frozen=True)
class Member:
    """A file or folder in an archive.

    Attributes:
        name: As it stands there; not checked.
        size: Bytes that it declares.
        folder: Whether it is a folder.
        pieces: Reads it, piece by piece; raises Unsafe if the archive is damaged.
    """

    name: str
    size: int
    folder: bool
    pieces: Callable[[], Iterator[bytes]]


def is_archive(name: str) -> bool:
    """Whether a file of this name is unpacked."""
    return name.lower().endswith((".zip", *_OPENERS))


def declared_size(archive: Path) -> int:
    """Bytes that the archive unpacks to, as far as it says so without being read; 0 if it does not.

    Raises:
        Unsafe: if it is damaged.
    """
    if archive.suffix.lower() == ".zip":
        return sum(member.size for member in members_of(archive, most=0))
    return archive.stat().st_size if archive.suffix.lower() == ".tar" else 0


def members_of(archive: Path, most: int) -> Generator[Member, None, None]:
    """List the members in the order of the archive; each is read, if at all, before the next one is asked for.

    Args:
        archive: A file whose name ``is_archive`` takes.
        most: Bytes that a tar stream may decompress to.

    Raises:
        Unsafe: at a member that is neither file nor folder, is encrypted, or if the archive is damaged or too long.
    """
    return _guarded(_zip(archive) if archive.suffix.lower() == ".zip" else _tar(archive, most))


def _zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.orig_filename  # `filename` ends at the first NUL
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise Unsafe(f"it holds a link or a device, {shown(name)}")
            # bzip2 and LZMA are unpacked without a bound on memory there.
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise Unsafe(f"it is not compressed by deflate, {shown(name)}; unpack it by hand")
            if info.flag_bits & 1:
                raise Unsafe(f"it is encrypted, {shown(name)}; unpack it by hand")
            yield Member(
                name, info.file_size, name.replace("\\", "/").endswith("/"), _pieces_of(partial(archive.open, info))
            )


def _tar(path: Path, most: int) -> Iterator[Member]:
    ending = next(ending for ending in _OPENERS if path.name.lower().endswith(ending))
    with (
        _OPENERS[ending](path) as stream,
        tarfile.open(fileobj=cast(IO[bytes], _Bounded(stream, most)), mode="r:") as archive,
    ):
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # else it keeps them all
            # A negative size would send tarfile back to where it was, for ever.
            if not (member.isdir() or member.isreg()) or member.issparse() or member.size < 0:
                raise Unsafe(f"it holds a link, a device or a file with holes, {shown(member.name)}")
            yield Member(member.name, member.size, member.isdir(), _pieces_of(partial(archive.extractfile, member)))


def _pieces_of(open_member: Callable[[], IO[bytes] | None]) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        stream = open_member()
        assert stream is not None, "only a link has no content"
        with stream:
            while piece := stream.read(_PIECE):
                yield piece

    return lambda: _guarded(read())


def _guarded(items: Iterator[T]) -> Generator[T, None, None]:
    """Say in words whatever the libraries raise on damage: each has its own errors, and some have bare ones."""
    try:
        yield from items
    except Unsafe:
        raise
    except Exception as error:
        why = " ".join(str(error).split()) or type(error).__name__
        raise Damaged(f"it is damaged, or of a kind that Python cannot unpack ({why})") from None


class _Bounded:
    """A stream that is read forwards, to an end, and in pieces that fit memory."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._most = most

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _LONGEST_READ:  # a header may claim any length
            raise Unsafe("a header in it is too long")
        self._check(self._stream.tell() + size)
        return self._stream.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        self._check(position)
        return self._stream.seek(position, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def _check(self, position: int) -> None:
        if position > self._most:
            raise Unsafe("it unpacks to far more than its size lets expect")
