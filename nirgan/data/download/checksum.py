"""A file against what its card says of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nirgan.data.cards import UNKNOWN, CardFile
from nirgan.data.download.fetch import Show
from nirgan.errors import NirganError

_PIECE = 2**20


@dataclass(frozen=True)
class Checked:
    """A file that agrees with its card.

    Attributes:
        name: Its name.
        url: Where it comes from.
        size_bytes: Its size.
        sha256: The checksum that was found.
        against: The best that the card knew to check it against: ``sha256``, ``md5``, ``size`` or ``nothing``.
    """

    name: str
    url: str
    size_bytes: int
    sha256: str
    against: Literal["sha256", "md5", "size", "nothing"]

    @property
    def words(self) -> str:
        """What was found and whether it could be checked, for people."""
        say = {
            "sha256": "as the card says",
            "md5": "the card knows its MD5 alone, which is right",
            "size": "the card knows no checksum: only the size could be checked",
            "nothing": "the card knows neither checksum nor size: it could not be checked",
        }
        return f"{self.name}: {self.size_bytes} bytes, sha256 {self.sha256}; {say[self.against]}"


def check(path: Path, file: CardFile, show: Show) -> Checked:
    """Compare size and checksums of a file with its card.

    Raises:
        NirganError: if one differs: which, and both values.
    """
    size = path.stat().st_size
    if file.size_bytes not in (None, size):
        raise NirganError(f"{path}: {size} bytes, the card says {file.size_bytes}")
    found = _digests(path, size, show)
    known = {"sha256": file.sha256, "md5": file.md5}
    for kind, value in known.items():
        if value not in (UNKNOWN, found[kind]):
            raise NirganError(f"{path}: {kind} is {found[kind]}, the card says {value}")
    against: Literal["sha256", "md5", "size", "nothing"] = "nothing" if file.size_bytes is None else "size"
    if file.md5 != UNKNOWN:
        against = "md5"
    if file.sha256 != UNKNOWN:
        against = "sha256"
    return Checked(file.name, file.url, size, found["sha256"], against)


def _digests(path: Path, size: int, show: Show) -> dict[str, str]:
    digests = {"sha256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}
    done = 0
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            for digest in digests.values():
                digest.update(piece)
            done += len(piece)
            show(done, size)
    return {kind: digest.hexdigest() for kind, digest in digests.items()}
