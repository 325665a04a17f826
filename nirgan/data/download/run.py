"""A set from its card: fetched, checked, unpacked, and there under its name whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from nirgan.data.cards import Card, CardFile
from nirgan.data.download.access import parts_folder, require_access
from nirgan.data.download.archives import is_archive
from nirgan.data.download.checksum import Checked, check
from nirgan.data.download.fetch import Show, fetch
from nirgan.data.download.room import require_room
from nirgan.data.download.unpack import DamagedArchive, unpack
from nirgan.errors import NirganError
from nirgan.files import sync_folder
from nirgan.lock import alone

ORIGIN = ".nirgan-download.json"
"""File in a set's folder that says where it comes from."""

Progress = Callable[[str], AbstractContextManager[Show]]
"""Shows how far a piece of work is, in bytes."""


@dataclass(frozen=True)
class Downloaded:
    """A set that is here.

    Attributes:
        folder: Where.
        files: What it was made of, checked.
        was_there: Whether an earlier call had done it all.
    """

    folder: Path
    files: tuple[Checked, ...]
    was_there: bool = False


def download_set(card: Card, folder: Path, progress: Progress) -> Downloaded:
    """Fetch what is missing, check it, unpack it, and let the folder appear.

    Args:
        card: The set's card.
        folder: The set's folder. What has come so far lies beside it in ``NAME.part/``; repeat the call to go on.
        progress: Shows how far each step is.

    Raises:
        NirganError: if the set may not be fetched by a command (what to do instead), a file cannot be had or is not the
            one of the card, an archive is not safe, the disk has no room, or the folder is there already with something
            else in it.
        OSError: if a file cannot be written.
    """
    parts = parts_folder(folder)
    done = _read_origin(card, folder)
    if done is not None:
        if parts.is_dir():  # a call was killed when all was done but clearing up
            with suppress(NirganError), alone(parts):  # another process that is there does it itself
                _remove_archives(card, parts)
            _remove_if_empty(parts)
        return Downloaded(folder, done, was_there=True)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise NirganError(
            f"{folder} is there already, and not from a download of {card.name}; "
            "use --out for another folder, or move it away"
        )
    require_access(card, folder)
    with alone(parts):
        files = tuple(_get(file, parts, progress, fetched=card.access == "open") for file in card.files)
        _put_together(card, parts, folder, files, progress)
        _remove_archives(card, parts)
    _remove_if_empty(parts)
    return Downloaded(folder, files)


def _get(file: CardFile, parts: Path, progress: Progress, *, fetched: bool) -> Checked:
    target = parts / file.name
    if not target.is_file():
        with progress(f"fetching {file.name}") as show:
            fetch(file.url, target, size=file.size_bytes, checked=file.has_checksum, show=show)
    try:
        with progress(f"checking {file.name}") as show:
            return check(target, file, show)
    except NirganError as error:
        if not fetched:
            raise NirganError(f"{error}; put the right file there") from None
        target.unlink()
        raise NirganError(
            f"{error}: not what {file.url} should give; it was thrown away. Run it again in case it was damaged on its "
            "way, else ask at the set's page"
        ) from None


def _put_together(card: Card, parts: Path, folder: Path, files: tuple[Checked, ...], progress: Progress) -> None:
    """Build the set's folder out of sight, then rename it."""
    fresh = parts / ".unpacked"
    shutil.rmtree(fresh, ignore_errors=True)  # of a call that was killed
    try:
        for file, checked in zip(card.files, files, strict=True):
            into = fresh / file.into
            into.mkdir(parents=True, exist_ok=True)
            if not is_archive(file.name):
                _lay(parts / file.name, into / file.name, share=card.access == "open")
                continue
            may_be_cut = card.access == "open" and checked.against in ("size", "nothing")
            with progress(f"unpacking {file.name}") as show, _thrown_away(parts / file.name, may_be_cut):
                unpack(parts / file.name, into, inside=file.inside, show=show)
        _write_origin(card, fresh, files)
        if hasattr(os, "sync"):
            os.sync()  # one for all: the name must not outlive the content in a power cut
        if folder.is_dir():
            folder.rmdir()  # empty
        fresh.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


@contextmanager
def _thrown_away(archive: Path, may_be_cut: bool) -> Iterator[None]:
    """Keep nothing that turns out to be no archive, such as a page that says sorry: the next call fetches it anew."""
    try:
        yield
    except DamagedArchive as error:
        if not may_be_cut:
            raise
        archive.unlink()
        raise NirganError(f"{error}; it was thrown away. Run it again in case it was damaged on its way") from None


def _write_origin(card: Card, folder: Path, files: tuple[Checked, ...]) -> None:
    origin = {"card": card.name, "licence": card.licence, "files": [asdict(file) for file in files]}
    (folder / ORIGIN).write_text(json.dumps(origin, indent=1), encoding="utf-8")


def _read_origin(card: Card, folder: Path) -> tuple[Checked, ...] | None:
    """What an earlier download of this card made the folder of; None if the folder is not from one."""
    try:
        origin = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))
        return tuple(Checked(**file) for file in origin["files"]) if origin["card"] == card.name else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _lay(file: Path, there: Path, *, share: bool) -> None:
    """Give a file a second name, which takes no room, or copy it; what somebody put there is theirs, and is copied."""
    if share:
        with suppress(OSError):  # not every disk knows second names
            there.hardlink_to(file)
            return
    require_room(there.parent, file.stat().st_size, file.name)
    shutil.copyfile(file, there)


def _remove_archives(card: Card, parts: Path) -> None:
    if card.access == "open":  # else somebody put them there
        for file in card.files:
            (parts / file.name).unlink(missing_ok=True)


def _remove_if_empty(parts: Path) -> None:
    if not any(parts.iterdir()):
        parts.rmdir()
