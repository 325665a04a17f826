"""Unpack an archive of a stranger: under checked names, as plain files, within limits."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from nirgan.data.download.archives import Member, declared_size, members_of
from nirgan.data.download.fetch import Show
from nirgan.data.download.names import Damaged, Taken, Unsafe, parts_of, shown
from nirgan.data.download.room import in_words, require_room
from nirgan.errors import NirganError


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Attributes:
        files: Number of members.
        total: Bytes.
        ratio: Bytes for each byte of the archive. Photographs hardly shrink: their archives stay far below.
        least: Bytes that it may unpack to however small it is.
    """

    files: int = 5_000_000
    total: int = 4 * 2**40
    ratio: int = 100
    least: int = 64 * 2**20

    def bytes_from(self, packed: int) -> int:
        """Most bytes that an archive of ``packed`` bytes may unpack to."""
        return min(self.total, max(self.least, self.ratio * packed))


_LIMITS = Limits()


class DamagedArchive(NirganError):  # noqa: N818  # as its parent is named
    """The bytes of an archive are not those of one."""


def unpack(archive: Path, folder: Path, *, inside: str, show: Show, limits: Limits = _LIMITS) -> int:
    """Unpack a zip or tar archive, or one folder of it.

    Args:
        archive: The file; its suffix says its kind.
        folder: Where to; exists, and holds nothing that anybody minds.
        inside: Folder of the archive whose content is taken; empty for all.
        show: Told how far it is in bytes.
        limits: What it may unpack to.

    Returns:
        Number of files.

    Raises:
        DamagedArchive: if it is damaged.
        NirganError: if it holds anything but plain files and folders under safe names, breaks a
            limit, or has no such folder; or if the disk has no room. The caller throws away what is in ``folder``.
        OSError: if a file cannot be written.
    """
    most = limits.bytes_from(archive.stat().st_size)
    try:
        declared = declared_size(archive)
        if declared > most:
            raise Unsafe(f"it would unpack to {in_words(declared)}, far more than its size lets expect")
        require_room(folder, declared, f"what is in {archive.name}")
        return _Unpacking(folder, inside, most, limits.files, declared, show).run(archive)
    except Unsafe as reason:
        error = DamagedArchive if isinstance(reason, Damaged) else NirganError
        raise error(f"{archive}: not unpacked: {reason}") from None


class _Unpacking:
    def __init__(self, folder: Path, inside: str, most: int, most_files: int, declared: int, show: Show) -> None:
        self._folder = folder
        self._inside = tuple(inside.split("/")) if inside else ()
        self._most = most
        self._most_files = most_files
        self._declared = declared
        self._show = show
        self._done = 0

    def run(self, archive: Path) -> int:
        taken, members, files = Taken(), 0, 0
        at_top: set[str] = set()
        with closing(members_of(archive, self._most)) as found:
            for member in found:
                parts = parts_of(member.name)
                taken.add(parts, folder=member.folder)
                members += 1
                if members > self._most_files:
                    raise Unsafe(f"it holds more than {self._most_files} files")
                at_top.update(parts[:1])
                below = parts[len(self._inside) :]
                if below and parts[: len(self._inside)] == self._inside:
                    files += self._place(member, self._folder.joinpath(*below))
        if not files:
            where = f" in {'/'.join(self._inside)}/" if self._inside else ""
            raise Unsafe(f"it holds no files{where}, but {', '.join(map(shown, sorted(at_top)[:5])) or 'nothing'}")
        return files

    def _place(self, member: Member, path: Path) -> int:
        """Make the folder, or write the file; the number of files written."""
        if member.folder:
            path.mkdir(parents=True, exist_ok=True)
            return 0
        if self._done + member.size > self._most:
            raise Unsafe("it unpacks to far more than its size lets expect")
        require_room(self._folder, member.size, shown(member.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        before = self._done
        with path.open("xb") as file:
            for piece in member.pieces():
                file.write(piece)
                self._done += len(piece)
                if self._done > self._most:
                    raise Unsafe("it unpacks to far more than its size lets expect")
                self._show(self._done, max(self._declared, self._done))
        if self._done - before != member.size:
            raise Unsafe(
                f"{shown(member.name)} has {self._done - before} bytes, not the {member.size} that it declares"
            )
        return 1
