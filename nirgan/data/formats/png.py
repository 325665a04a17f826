"""PNG files: header, pixels through OpenCV, and the chunks around them (PNG specification, third edition)."""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np

from nirgan.data.formats import LARGEST_METADATA, Content, Decoded, Header, Refused, exif, without_alpha
from nirgan.data.metadata import Metadata

logger = logging.getLogger(__name__)

MAGIC = b"\x89PNG\r\n\x1a\n"
_COLOUR_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 1, 6: 3}
_XMP = b"XML:com.adobe.xmp"
_INCH_M = 0.0254
_LARGEST_NUMBER = 2**31 - 1


def header(content: Content) -> Header:
    """Size and orientation from the chunk list alone.

    Raises:
        Refused: if the file is no PNG, cut or damaged.
    """
    chunks = _first_chunks(content, {b"IHDR", b"eXIf"})
    if b"IEND" not in chunks:
        raise Refused("the file is cut: its end is missing; copy it again")
    width, height, _, colour = _ihdr(chunks)
    return Header(height, width, _COLOUR_CHANNELS[colour], exif.orientation(chunks.get(b"eXIf")))


def read(content: bytes) -> Decoded:
    """Decode pixels (H, W, C) uint8 or uint16 as stored.

    Raises:
        Refused: if the file is cut or damaged, or the picture transparent.
    """
    chunks = _first_chunks(content, {b"IHDR", b"eXIf", b"iCCP", b"tRNS", b"sBIT", b"pHYs"}, check=True)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if b"IEND" in chunks else None
    if decoded is None:
        raise Refused("the file is cut or damaged: it cannot be decoded; copy it again")
    _, _, depth, colour = _ihdr(chunks)
    pixels = _colours(decoded, colour, depth, chunks.get(b"tRNS"))
    return Decoded(pixels, _metadata(content, chunks), _full_scale(pixels, depth, chunks.get(b"sBIT")))


def write(pixels: np.ndarray, metadata: Metadata) -> bytes:
    """Encode RGB or grey pixels (H, W, 3 or 1) uint8 or uint16 and put the metadata's chunks after the header."""
    done, encoded = cv2.imencode(".png", pixels[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 4])
    if not done:
        raise Refused("OpenCV cannot encode it as PNG")
    content = encoded.tobytes()
    header_end = len(MAGIC) + 12 + 13
    return content[:header_end] + b"".join(_metadata_chunks(metadata)) + content[header_end:]


def _first_chunks(content: Content, with_data: set[bytes], *, check: bool = False) -> dict[bytes, bytes]:
    """The first chunk of each kind: decoders take the first, so whoever looks at the last can be told another size."""
    chunks: dict[bytes, bytes] = {}
    for kind, data in _chunks(content, with_data=with_data, check=check):
        if kind == b"IHDR" and kind in chunks:
            raise Refused("the file is damaged: it has two PNG headers; copy it again")
        chunks.setdefault(kind, data)
    return chunks


def _chunks(content: Content, *, with_data: set[bytes], check: bool = False) -> Iterator[tuple[bytes, bytes]]:
    # Only the data that is asked for is copied out: a header look-up must not read a whole mapped file.
    if content[:8] != MAGIC:
        raise Refused("not a PNG file, whatever its name says")
    position = 8
    while position + 12 <= len(content):
        size = int.from_bytes(content[position : position + 4], "big")
        kind = bytes(content[position + 4 : position + 8])
        end = position + 12 + size
        if end > len(content):
            return
        # Chunks whose kind begins with a capital are needed to decode; libpng would complain on stderr itself.
        if check and kind[:1].isupper():
            stored = int.from_bytes(content[end - 4 : end], "big")
            if zlib.crc32(memoryview(content)[position + 4 : end - 4]) != stored:
                raise Refused("the file is damaged: a checksum does not fit; copy it again")
        wanted = kind in with_data and size <= LARGEST_METADATA
        yield kind, bytes(content[position + 8 : end - 4]) if wanted else b""
        if kind == b"IEND":
            return
        position = end


def _ihdr(chunks: dict[bytes, bytes]) -> tuple[int, int, int, int]:
    data = chunks.get(b"IHDR", b"")
    if len(data) != 13:
        raise Refused("the file is damaged: it has no PNG header; copy it again")
    width, height, depth, colour = struct.unpack(">IIBB", data[:10])
    if not width or not height or colour not in _COLOUR_CHANNELS:
        raise Refused(f"the file is damaged: its header says {width}x{height}, colour type {colour}; copy it again")
    return width, height, depth, colour


def _colours(decoded: np.ndarray, colour: int, depth: int, transparency: bytes | None) -> np.ndarray:
    pixels = decoded[..., None] if decoded.ndim == 2 else decoded
    opaque = np.iinfo(pixels.dtype).max
    if pixels.shape[2] in (2, 4):
        pixels = without_alpha(pixels[..., :-1], pixels[..., -1], opaque)
    if pixels.shape[2] == 1 or colour in (0, 4):  # OpenCV repeats grey when there is alpha
        pixels = pixels[..., :1]
        if colour == 0 and transparency and len(transparency) == 2:
            # One grey level stands for "transparent"; OpenCV passes it over in silence.
            level = int.from_bytes(transparency, "big") * (255 // (2**depth - 1) if depth < 8 else 1)
            without_alpha(pixels, np.where(pixels == level, 0, opaque), opaque)
        return pixels
    return pixels[..., ::-1]


def _full_scale(pixels: np.ndarray, depth: int, significant: bytes | None) -> float | None:
    """Full scale by sBIT, the number of bits that the camera delivered.

    The specification wants such samples spread over the whole range, and then the full scale is the type's; many
    cameras store them unspread. Which of the two it is shows in how the samples are written, not in how bright they
    are: unspread ones never exceed the declared bits, spread ones follow one pattern from the first to the last. A
    picture that fits both (all black) counts as spread, as the specification has it, so that a camera's dark frames
    are read like its bright ones.
    """
    bits = max(significant) if significant else depth
    if depth != 16 or not 8 < bits < 16:
        return None
    declared = 2**bits - 1
    return None if pixels.max() > declared or _is_spread(pixels, bits) else float(declared)


def _is_spread(pixels: np.ndarray, bits: int) -> bool:
    """Whether samples of so many bits were all spread over 16 in one of the usual ways.

    All of them put the sample's bits highest; what stands below tells.
    """
    sample, below = (pixels >> (16 - bits)).astype(np.uint32), pixels & (2 ** (16 - bits) - 1)
    return any(np.array_equal(below, expected) for expected in _below_spread(sample, bits))


def _below_spread(sample: np.ndarray, bits: int) -> Iterator[np.ndarray]:
    largest, low = 2**bits - 1, 2 ** (16 - bits) - 1
    yield np.zeros_like(sample)  # shifted
    yield sample >> (2 * bits - 16)  # the highest bits once more
    yield (2 * sample * low + largest) // (2 * largest)  # sample * 65535 / largest, rounded
    yield sample * low // largest  # the same, cut


def _metadata(content: bytes, chunks: dict[bytes, bytes]) -> Metadata:
    dpi = None
    if len(chunks.get(b"pHYs", b"")) == 9:
        x, y, unit = struct.unpack(">IIB", chunks[b"pHYs"])
        dpi = (x * _INCH_M, y * _INCH_M) if unit == 1 and x and y else None
    icc = None
    name, _, profile = chunks.get(b"iCCP", b"").partition(b"\0")
    if name and profile:
        icc = _inflate(profile[1:])
    texts = [_text(kind, data) for kind, data in _chunks(content, with_data={b"tEXt", b"zTXt", b"iTXt"}) if data]
    pairs = [(key, value) for key, value in texts if key and value is not None]
    xmp = next((value for key, value in pairs if key == _XMP), None)
    plain = tuple((_decoded(key), _decoded(value)) for key, value in pairs if key != _XMP)
    return Metadata(exif=chunks.get(b"eXIf") or None, icc=icc, xmp=xmp, text=plain, dpi=dpi)


def _text(kind: bytes, data: bytes) -> tuple[bytes, bytes | None]:
    if kind not in (b"tEXt", b"zTXt", b"iTXt"):
        return b"", None
    key, _, rest = data.partition(b"\0")
    if kind == b"tEXt":
        return key, rest.decode("latin-1").encode()
    if kind == b"zTXt":
        value = _inflate(rest[1:])
        return key, value.decode("latin-1").encode() if value is not None else None
    compressed, rest = rest[:1] == b"\1", rest[2:]
    value = rest.split(b"\0", 2)[-1]
    return key, _inflate(value) if compressed else value


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", errors="replace")


def _inflate(data: bytes) -> bytes | None:
    # With a limit: a few kilobytes can inflate to gigabytes.
    try:
        unpacker = zlib.decompressobj()
        result = unpacker.decompress(data, LARGEST_METADATA)
    except zlib.error:
        logger.warning("a compressed PNG text or profile is damaged and is not carried")
        return None
    return result if unpacker.eof else None


def _metadata_chunks(metadata: Metadata) -> Iterator[bytes]:
    if metadata.icc:
        yield _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if metadata.dpi:
        x, y = (min(max(round(value / _INCH_M), 1), _LARGEST_NUMBER) for value in metadata.dpi)
        yield _chunk(b"pHYs", struct.pack(">IIB", x, y, 1))
    if metadata.exif:
        yield _chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        yield _chunk(b"iTXt", _XMP + b"\0\0\0\0\0" + metadata.xmp)
    for key, value in metadata.text:
        keyword = key.encode("latin-1", errors="replace")[:79]
        try:
            yield _chunk(b"tEXt", keyword + b"\0" + value.encode("latin-1"))
        except UnicodeEncodeError:
            yield _chunk(b"iTXt", keyword + b"\0\0\0\0\0" + value.encode())


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
