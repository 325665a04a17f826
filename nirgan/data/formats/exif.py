"""EXIF blocks and the tag lists (IFDs) of TIFF files: the same structure, read with every offset checked.

TIFF 6.0, section 2: a header, then lists of 12-byte entries (tag, type, count, value or offset).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

ORIENTATION = 274
EXIF_IFD, GPS_IFD = 34665, 34853
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
# What a TIFF's own list says about the picture rather than about how it is stored.
_DESCRIPTIVE = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432)
# These hold offsets into the old block, which mean nothing in a new one: interoperability list, maker note.
_NOT_MOVABLE = (40965, 37500)
_MOST_ENTRIES = 2000


@dataclass(frozen=True)
class Entry:
    """A tag's value as stored bytes."""

    code: int
    dtype: int
    count: int
    raw: bytes
    position: int
    """Where the entry's 12 bytes start in the block."""


@dataclass(frozen=True)
class Ifds:
    """The lists of an EXIF block: the picture's, the camera's and the place's."""

    order: str
    """``<`` or ``>``, as in ``struct``."""
    main: tuple[Entry, ...]
    exif: tuple[Entry, ...]
    gps: tuple[Entry, ...]
    next_at: int
    """Where the offset of the next list (the thumbnail's) stands."""


def read_ifds(block: bytes) -> Ifds:
    """Read the lists of an EXIF block or a classic TIFF file.

    Raises:
        ValueError: if it is not such a structure or an offset points outside it.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]))
    if order is None:
        raise ValueError("no TIFF header")
    (first,) = struct.unpack_from(order + "I", _at(block, 4, 4))
    main = _entries(block, order, first)
    below = {entry.code: struct.unpack(order + "I", entry.raw)[0] for entry in main if _is_pointer(entry)}
    return Ifds(
        order,
        main,
        exif=_entries(block, order, below[EXIF_IFD]) if EXIF_IFD in below else (),
        gps=_entries(block, order, below[GPS_IFD]) if GPS_IFD in below else (),
        next_at=first + 2 + 12 * len(main),
    )


def orientation(block: bytes | None) -> int:
    """EXIF orientation, 1 when there is none or the block is damaged."""
    try:
        entries = read_ifds(block).main if block else ()
    except ValueError:
        return 1
    order = ">" if block and block[:2] == b"MM" else "<"
    for entry in entries:
        if entry.code == ORIENTATION and entry.dtype == 3 and entry.count == 1:
            value = int(struct.unpack(order + "H", entry.raw)[0])
            return value if 1 <= value <= 8 else 1
    return 1


def without_orientation(block: bytes) -> bytes | None:
    """The block with its orientation set to 1 and without thumbnail (which shows the source); None if damaged."""
    try:
        ifds = read_ifds(block)
        _at(block, ifds.next_at, 4)
    except ValueError:
        return None
    patched = bytearray(block)
    for entry in ifds.main:
        if entry.code == ORIENTATION:
            struct.pack_into(ifds.order + "HHIHH", patched, entry.position, ORIENTATION, 3, 1, 1, 0)
    struct.pack_into(ifds.order + "I", patched, ifds.next_at, 0)
    return bytes(patched)


def from_tiff(content: bytes) -> bytes | None:
    """An EXIF block with what a classic TIFF file says about its picture, None if it says nothing."""
    ifds = read_ifds(content)
    main = [entry for entry in ifds.main if entry.code in _DESCRIPTIVE]
    if not main and not ifds.exif and not ifds.gps:
        return None
    places = {EXIF_IFD: ifds.exif, GPS_IFD: ifds.gps}
    pointers = [Entry(code, 4, 1, bytes(4), 0) for code, entries in places.items() if entries]
    size = len(pack(main + pointers, ifds.order, 8))
    blocks = []
    for index, pointer in enumerate(pointers):
        packed = pack(places[pointer.code], ifds.order, 8 + size)
        pointers[index] = Entry(pointer.code, 4, 1, struct.pack(ifds.order + "I", 8 + size), 0)
        blocks.append(packed)
        size += len(packed)
    head = (b"II*\0" if ifds.order == "<" else b"MM\0*") + struct.pack(ifds.order + "I", 8)
    return head + pack(main + pointers, ifds.order, 8) + b"".join(blocks)


def pack(entries: tuple[Entry, ...] | list[Entry], order: str, offset: int) -> bytes:
    """A list that will stand at ``offset``: its entries by tag, then the values that do not fit into them."""
    kept = sorted((e for e in entries if e.code not in _NOT_MOVABLE), key=lambda entry: entry.code)
    table, values = struct.pack(order + "H", len(kept)), b""
    values_at = offset + 2 + 12 * len(kept) + 4
    for entry in kept:
        table += struct.pack(order + "HHI", entry.code, entry.dtype, entry.count)
        if len(entry.raw) <= 4:
            table += entry.raw.ljust(4, b"\0")
        else:
            table += struct.pack(order + "I", values_at + len(values))
            values += entry.raw + b"\0" * (len(entry.raw) % 2)
    return table + bytes(4) + values


def descriptive(ifds: Ifds) -> list[Entry]:
    """Entries of the picture's list that another TIFF file can take as they are."""
    return [entry for entry in ifds.main if entry.code in _DESCRIPTIVE]


def _is_pointer(entry: Entry) -> bool:
    return entry.code in (EXIF_IFD, GPS_IFD) and entry.dtype in (4, 13) and entry.count == 1


def _entries(block: bytes, order: str, offset: int) -> tuple[Entry, ...]:
    (count,) = struct.unpack(order + "H", _at(block, offset, 2))
    if count > _MOST_ENTRIES:
        raise ValueError(f"a list of {count} tags")
    found = []
    for position in range(offset + 2, offset + 2 + 12 * count, 12):
        code, dtype, number, value = struct.unpack(order + "HHI4s", _at(block, position, 12))
        size = _SIZES.get(dtype, 4 if dtype == 13 else 0) * number
        raw = value[:size] if size <= 4 else _at(block, struct.unpack(order + "I", value)[0], size)
        if size:
            found.append(Entry(code, dtype, number, bytes(raw), position))
    return tuple(found)


def _at(block: bytes, offset: int, size: int) -> bytes:
    if offset < 0 or offset + size > len(block):
        raise ValueError(f"an offset of {offset} in {len(block)} bytes")
    return block[offset : offset + size]
