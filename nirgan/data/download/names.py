"""Names in archives, and which of them may become files here."""

from __future__ import annotations

import re
import unicodedata

_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that are devices on Windows, whatever their suffix."""
_LONGEST = 100  # characters of a name in a message

Parts = tuple[str, ...]
"""Folders and file of a relative path."""


class Unsafe(Exception):  # noqa: N818  # an answer: the archive is not taken, and why
    """Something in an archive that must not be unpacked."""


class Damaged(Unsafe):
    """Bytes that are no archive, or a part of one."""


def parts_of(name: str) -> Parts:
    """The folders and the file that a member's name stands for; backslashes separate them, too.

    Raises:
        Unsafe: if the name is absolute, leads out of the folder, or is no ordinary name on every system.
    """
    path = name.replace("\\", "/")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path):
        raise Unsafe(f"it holds an absolute path, {shown(name)}")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if ".." in parts:
        raise Unsafe(f"it holds a path that leads out of its folder, {shown(name)}")
    if not all(map(_is_ordinary, parts)):
        raise Unsafe(f"it holds a name that is none on every system, {shown(name)}")
    return parts


def shown(name: str) -> str:
    """A member's name for a message."""
    return repr(name if len(name) <= _LONGEST else name[:_LONGEST] + "…")


class Taken:
    """Paths that are in use, as a disk sees them that is blind to case and to ways to write an accent."""

    def __init__(self) -> None:
        self._folders: dict[str, Parts] = {}
        self._files: set[str] = set()

    def add(self, parts: Parts, *, folder: bool) -> None:
        """Note a path and the folders above it.

        Raises:
            Unsafe: if a file is there already, or one of the folders under another spelling or as a file.
        """
        above = parts if folder else parts[:-1]
        for depth in range(1, len(above) + 1):
            key = _key(above[:depth])
            if key in self._files or self._folders.setdefault(key, above[:depth]) != above[:depth]:
                raise _doubled(above[:depth])
        if parts and not folder:
            key = _key(parts)
            if key in self._files or key in self._folders:
                raise _doubled(parts)
            self._files.add(key)


def _is_ordinary(part: str) -> bool:
    special = ":" in part or any(ord(c) < 32 or ord(c) == 127 for c in part)
    return not (special or part.endswith((".", " ")) or _DEVICE.fullmatch(part))


def _key(parts: Parts) -> str:
    return unicodedata.normalize("NFC", "/".join(parts)).casefold()


def _doubled(parts: Parts) -> Unsafe:
    return Unsafe(f"it holds {shown('/'.join(parts))} twice, or once more with other capital letters")
