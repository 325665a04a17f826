"""Source and target as the two halves of one picture, as pix2pix stores its sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from nirgan.data.convert import to_source
from nirgan.data.files import Picture, picture_shape, read_picture
from nirgan.data.layouts import Found, Layout
from nirgan.data.regions import Region
from nirgan.data.sample import Pairing
from nirgan.data.scan import by_name, first_folder, match, pictures
from nirgan.errors import NirganError
from nirgan.registry import LAYOUTS


@LAYOUTS.register("sidebyside")
class SideBySide(Layout):
    """One file a pair, cut in the middle.

    A folder is taken for such pairs only if every file is exactly twice as wide as high and exactly one half of the
    first is grey: a folder of wide photographs is not. The grey half is the source. Asked for by name, any folder is
    read so, with the source on the left if neither half is grey or both are.
    """

    rank: ClassVar[int] = 80
    summary: ClassVar[str] = "side-by-side pairs: every file twice as wide as high, one half grey (that is the source)"

    def recognise(self, folder: Path) -> bool:
        """All files are 2:1 by their headers and the first has one grey half."""
        paths = list(pictures(folder))
        return bool(paths) and all(_is_double(path) for path in paths) and _source_half(paths[0]) is not None

    def read(self, folder: Path, set_name: str) -> Found:
        """One record per file; the first file says on which side the source is."""
        named = by_name(folder)
        if not named:
            raise NirganError(f"{folder}: no pictures for side-by-side pairs")
        region = _source_half(next(iter(named.values()))[0]) or "left-right"
        records, problems = match(set_name, {}, named, first_folder, Pairing.REGISTERED)
        halves = [replace(record, source=record.target, region=region) for record in records]
        return Found(f"side-by-side pairs, the source on the {region.partition('-')[0]}", halves, problems)


def _is_double(path: Path) -> bool:
    try:
        height, width, _ = picture_shape(path)
    except NirganError:  # a broken file says nothing about the others
        return True
    return width == 2 * height


def _source_half(path: Path) -> Region | None:
    try:
        picture = read_picture(path)
    except NirganError:
        return None
    width = picture.pixels.shape[1] // 2
    left = _is_grey(picture, path, slice(None, width))
    right = _is_grey(picture, path, slice(width, 2 * width))
    if left == right:
        return None
    return "left-right" if left else "right-left"


def _is_grey(picture: Picture, path: Path, columns: slice) -> bool:
    half = replace(picture, pixels=picture.pixels[:, columns])
    try:
        return to_source(half, "nir2rgb", path=path).shape[0] == 1
    except NirganError:
        return False
