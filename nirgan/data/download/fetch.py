"""A file that goes on where it was cut.

What has come lies in ``FILE.part``, and beside it in ``FILE.part.json`` which version of the server's file it belongs
to. The next request asks for the rest by ``Range``, on the condition (``If-Range``) that the file is still the same;
RFC 9110, sections 13.1.5 and 14. A file that has changed, and a server that knows no ranges, answer with the whole: it
starts again. Where a server tells no versions apart, the rest is asked for only if a checksum will be compared.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from nirgan.data.download.room import in_words, require_room
from nirgan.data.download.web import Interrupted, NoSuchRange, open_url
from nirgan.errors import NirganError
from nirgan.files import write_whole

logger = logging.getLogger(__name__)

Show = Callable[[int, int], None]
"""Told the bytes that are done and those of all."""

PAUSES_S = (1.0, 2.0, 4.0, 8.0)
"""Waits between tries; one more try without a byte of progress ends it."""
_PIECE = 2**18


@dataclass(frozen=True)
class Version:
    """Which file on the server the bytes here belong to.

    Attributes:
        url: Its address.
        etag: What the server calls this version; empty if it says nothing.
        changed: When it changed last, in the server's words; empty if it does not say.
        total: Its size in bytes, if the server said so.
    """

    url: str
    etag: str
    changed: str
    total: int | None

    @classmethod
    def told_by(cls, url: str, answer: HTTPResponse, total: int | None) -> Version:
        """The version that an answer tells of."""
        return cls(url, answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""), total)

    @property
    def condition(self) -> str:
        """The value of ``If-Range``; empty if nothing tells versions apart. Weak tags are not allowed there."""
        return self.changed if not self.etag or self.etag.startswith("W/") else self.etag

    def agrees(self, answer: HTTPResponse, total: int | None) -> bool:
        """Whether an answer is about this version, as far as both say."""
        told = Version.told_by(self.url, answer, total)
        both = ((self.etag, told.etag), (self.changed, told.changed), (self.total, told.total))
        return all(not here or not there or here == there for here, there in both)


class Part:
    """What is here of a file."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f"{target.name}.part")
        self._about = target.with_name(f"{target.name}.part.json")

    @property
    def size(self) -> int:
        """Bytes that are here."""
        return self.path.stat().st_size if self.path.is_file() else 0

    def version_of(self, url: str, checked: bool) -> Version | None:
        """Which version of ``url`` they belong to; None if that is not known well enough to go on.

        Args:
            url: The address.
            checked: Whether a checksum will tell if bytes of two versions came together.
        """
        try:
            version = Version(**json.loads(self._about.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # not there, or not ours
            return None
        return version if version.url == url and (checked or version.condition) else None

    def start(self, version: Version) -> None:
        """Begin with nothing."""
        self.path.write_bytes(b"")  # first: bytes of the old version must never lie beside the name of the new
        write_whole(self._about, json.dumps(asdict(version)).encode())

    def discard(self) -> None:
        """Forget what is here."""
        self.path.unlink(missing_ok=True)
        self._about.unlink(missing_ok=True)

    def finish(self) -> None:
        """Let the file appear under its name."""
        self.path.replace(self.target)
        self._about.unlink(missing_ok=True)


def fetch(url: str, target: Path, *, size: int | None, show: Show, checked: bool = False) -> None:
    """Fetch a file, going on where an earlier call stopped; it appears whole or not at all.

    Args:
        url: An http or https address.
        target: The file; its folder exists.
        size: Bytes that it must have, if known.
        show: Told how far it is.
        checked: Whether the file will be compared with a checksum: then it goes on, too, where the server does not tell
            versions of it apart.

    Raises:
        NirganError: if the server refuses it, offers another size, cannot be reached in several tries, or the disk has
            no room; what has come stays for the next call.
        OSError: if it cannot be written.
    """
    part = Part(target)
    longest, failures = part.size, 0
    while True:
        try:
            _go_on(url, part, size, checked, show)
        except Interrupted as interruption:
            failures = 0 if part.size > longest else failures + 1
            longest = max(longest, part.size)
            if failures > len(PAUSES_S):
                raise NirganError(
                    f"{url}: {interruption}, {failures} times without progress. "
                    f"{in_words(part.size)} are in {part.path}; run it again to go on from there"
                ) from None
            pause = max(interruption.wait_s, PAUSES_S[max(failures - 1, 0)])
            logger.warning("%s: %s; next try in %.0f s", target.name, interruption, pause)
            time.sleep(pause)
        else:
            part.finish()
            return


def _go_on(url: str, part: Part, size: int | None, checked: bool, show: Show) -> None:
    version = part.version_of(url, checked)
    have = part.size if version else 0
    if version and have and have == version.total:
        return  # it was whole when an earlier call was killed
    asked = {"Range": f"bytes={have}-"} if have else {}
    if version and have and version.condition:
        asked["If-Range"] = version.condition
    try:
        answer = open_url(url, asked)
    except NoSuchRange:
        part.discard()
        raise Interrupted("the file on the server has become shorter") from None
    with answer:
        if answer.status == 206 and version and have:
            total = _total_of_rest(answer, have)
            _check_offer(url, total, size)
            if total is None or not version.agrees(answer, total):
                part.discard()
                raise Interrupted("the server sent another piece than the one asked for")
        elif answer.status == 200:
            have, total = 0, answer.length
            _check_offer(url, total, size)
            part.start(Version.told_by(url, answer, total))
        else:
            raise NirganError(f"{url}: the server answers {answer.status} instead of sending the file")
        _take(answer, part, have, total if total is not None else size, show)


def _total_of_rest(answer: HTTPResponse, have: int) -> int | None:
    """Size of the whole file, of which an answer holds the rest from byte ``have``; None if it holds anything else."""
    told = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", "").strip())
    if told is None:
        return None
    first, last, total = map(int, told.groups())
    return total if (first, last) == (have, total - 1) else None


def _check_offer(url: str, total: int | None, size: int | None) -> None:
    if total is not None and size is not None and total != size:
        raise NirganError(
            f"{url}: the server offers {total} bytes, the card says {size}: the file is not the one that was described"
        )


def _take(answer: HTTPResponse, part: Part, have: int, total: int | None, show: Show) -> None:
    """Write the body of an answer behind the bytes that are here."""
    require_room(part.path.parent, (total or have) - have, part.target.name)
    try:
        with part.path.open("ab") as file:
            while (total is None or have <= total) and (piece := _piece(answer)):
                file.write(piece)
                have += len(piece)
                show(have, total or have)
    except OSError as error:  # of the disk: those of the network are interruptions
        error.filename = str(part.path)
        raise
    if total is not None and have > total:
        part.discard()
        raise NirganError(f"{answer.url}: the server sends more than the {total} bytes that the file should have")
    if total is not None and have < total:
        raise Interrupted(f"the connection ended after {in_words(have)} of {in_words(total)}")


def _piece(answer: HTTPResponse) -> bytes:
    try:
        return answer.read(_PIECE)
    except (OSError, HTTPException) as error:
        raise Interrupted(f"the connection broke ({str(error) or type(error).__name__})") from None
