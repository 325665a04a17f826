"""JPEG files: header, pixels through OpenCV, and the segments around them (ITU-T T.81, annex B)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from nirgan.data.formats import Content, Decoded, Header, Refused, exif
from nirgan.data.metadata import Metadata

MAGIC = b"\xff\xd8\xff"
_APP0, _APP1, _APP2, _SOS, _EOI = 0xE0, 0xE1, 0xE2, 0xDA, b"\xff\xd9"
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_EXIF, _XMP, _ICC, _JFIF = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"JFIF\0"
_LARGEST_SEGMENT = 65533
_LARGEST_SIDE = 65500
_MOST_ICC_PARTS = 255


@dataclass(frozen=True)
class _Segment:
    marker: int
    data: bytes
    end: int
    """Where the next segment starts."""


def header(content: Content) -> Header:
    """Size and orientation from the segments before the pixels.

    Raises:
        Refused: if the file is no JPEG, cut or damaged.
    """
    frame, block = None, None
    for segment in _whole(content):
        if segment.marker in _FRAMES and len(segment.data) >= 6:
            frame = frame or struct.unpack(">BHHB", segment.data[:6])
        elif segment.marker == _APP1 and segment.data.startswith(_EXIF):
            block = block or segment.data[len(_EXIF) :]
    if frame is None or not frame[1] or not frame[2]:
        raise Refused("the file is cut or damaged: it has no JPEG frame; copy it again")
    _, height, width, components = frame
    return Header(height, width, 1 if components == 1 else 3, exif.orientation(block))


def read(content: bytes) -> Decoded:
    """Decode pixels (H, W, 1 or 3) uint8 as stored; CMYK becomes RGB.

    Raises:
        Refused: if the file is cut or damaged.
    """
    segments = _whole(content)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None:
        raise Refused("the file is damaged or of a rare kind of JPEG: it cannot be decoded; save it again as PNG")
    pixels = decoded[..., None] if decoded.ndim == 2 else decoded[..., ::-1]
    return Decoded(pixels, _metadata(segments))


def write(pixels: np.ndarray, metadata: Metadata) -> bytes:
    """Encode RGB or grey pixels (H, W, 3 or 1) uint8 at quality 95, colour at full size (4:4:4), with metadata."""
    if max(pixels.shape) > _LARGEST_SIDE:
        raise Refused(f"JPEG holds {_LARGEST_SIDE} pixels a side; write it as PNG or TIFF")
    full_colour = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    done, encoded = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95, *full_colour])
    if not done:
        raise Refused("OpenCV cannot encode it as JPEG")
    content = encoded.tobytes()
    first = next(_segments(content))
    app0, rest = content[2 : first.end], content[first.end :]
    if metadata.dpi and first.data.startswith(_JFIF):
        x, y = (min(max(round(value), 1), 65535) for value in metadata.dpi)
        app0 = app0[:11] + struct.pack(">BHH", 1, x, y) + app0[16:]
    return content[:2] + app0 + b"".join(_metadata_segments(metadata)) + rest


def _whole(content: Content) -> list[_Segment]:
    """Segments before the pixels of a file that has an end: some decoders fill what is missing with grey, silently.

    The end is sought from behind, so that a mapped file is not read for it.
    """
    segments = list(_segments(content))
    if not segments or segments[-1].marker != _SOS or content.rfind(_EOI, segments[-1].end) < 0:
        raise Refused("the file is cut: its end is missing; copy it again")
    return segments


def _segments(content: Content) -> Iterator[_Segment]:
    """Segments up to and including the first start of scan."""
    if content[:3] != MAGIC:
        raise Refused("not a JPEG file, whatever its name says")
    position = 2
    while position + 4 <= len(content):
        if content[position] != 0xFF:
            return
        marker = content[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without data
            position += 2
            continue
        end = position + 2 + int.from_bytes(content[position + 2 : position + 4], "big")
        if end > len(content) or end < position + 4:
            return
        yield _Segment(marker, bytes(content[position + 4 : end]), end)
        if marker == _SOS:
            return
        position = end


def _metadata(segments: list[_Segment]) -> Metadata:
    def first(marker: int, prefix: bytes) -> bytes | None:
        return next((s.data[len(prefix) :] for s in segments if s.marker == marker and s.data.startswith(prefix)), None)

    jfif = first(_APP0, _JFIF)
    dpi = None
    if jfif and len(jfif) >= 7:
        unit, x, y = struct.unpack(">BHH", jfif[2:7])
        per_inch = {1: 1.0, 2: 2.54}.get(unit)
        dpi = (x * per_inch, y * per_inch) if per_inch and x and y else None
    return Metadata(exif=first(_APP1, _EXIF), icc=_icc(segments), xmp=first(_APP1, _XMP), dpi=dpi)


def _icc(segments: list[_Segment]) -> bytes | None:
    parts = {
        s.data[12]: s.data[14:] for s in segments if s.marker == _APP2 and s.data.startswith(_ICC) and len(s.data) > 14
    }
    return b"".join(parts[number] for number in sorted(parts)) or None


def _metadata_segments(metadata: Metadata) -> Iterator[bytes]:
    for prefix, block in ((_EXIF, metadata.exif), (_XMP, metadata.xmp)):
        if block and len(prefix + block) <= _LARGEST_SEGMENT:
            yield _segment(_APP1, prefix + block)
    room = _LARGEST_SEGMENT - len(_ICC) - 2
    parts = [metadata.icc[i : i + room] for i in range(0, len(metadata.icc), room)] if metadata.icc else []
    if len(parts) > _MOST_ICC_PARTS:  # the number of a part is one byte; a part of a profile is none
        return
    for number, part in enumerate(parts, start=1):
        yield _segment(_APP2, _ICC + bytes((number, len(parts))) + part)


def _segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data
