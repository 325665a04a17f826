"""Picture files: PNG and JPEG through OpenCV, TIFF through tifffile, in the file's own numbers."""

from __future__ import annotations

import logging
import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from nirgan.data.contents import read_bytes, shard_of
from nirgan.data.formats import Content, Decoded, Header, Refused, jpeg, png, tiff, upright
from nirgan.data.metadata import Metadata
from nirgan.errors import NirganError
from nirgan.files import write_whole

logger = logging.getLogger(__name__)

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
"""File names that are pictures, lower case."""
_WRITERS: dict[str, ModuleType] = {".png": png, ".jpg": jpeg, ".jpeg": jpeg, ".tif": tiff, ".tiff": tiff}
_EMPTY = "the file is empty"
MAX_PIXELS = 400_000_000
"""A picture with more pixels is refused before it is decoded."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: (H, W, C) uint8, uint16 or float32 as stored, RGB order, upright, without alpha.
        full_scale: Stored value that means white, where the file itself declares one.
        type_maximum: Largest value of the file's type, where that of the pixels' is another (32767 of int16 files).
        metadata: What the file says besides.
    """

    pixels: np.ndarray
    full_scale: float | None = None
    metadata: Metadata = field(default_factory=Metadata)
    type_maximum: float | None = None


def is_picture(path: Path) -> bool:
    """Whether a path looks like a picture by its name; hidden files (``._0001.png`` of macOS) do not."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def read_picture(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> Picture:
    """Read a picture without changing a value: no scaling, no cut to 8 bits.

    The kind is taken from the content, not from the name. EXIF orientation is applied to the pixels. Opaque alpha is
    dropped; palettes and CMYK become RGB; bands of a TIFF, also on pages of equal size, become channels.

    Raises:
        NirganError: if the file is missing, empty, cut, damaged, no picture, larger than ``max_pixels``, transparent,
            several pictures in one, or holds NaN, infinity or negative integers.
    """
    path = Path(path)
    with _named(path):
        content = read_bytes(path)
        kind = _kind(content)
        header: Header = kind.header(content)
        _check_size(header, max_pixels)
        decoded: Decoded = kind.read(content)
        pixels, metadata = decoded.pixels, decoded.metadata
        if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
            share = 1 - np.isfinite(pixels).mean()
            raise Refused(f"{share:.2%} of its values are NaN or infinite; fill them before use")
    turned = metadata.turned_upright(header.orientation)
    return Picture(upright(pixels, header.orientation), decoded.full_scale, turned, decoded.type_maximum)


def picture_shape(path: str | Path) -> tuple[int, int, int]:
    """(H, W, C) that ``read_picture`` would give, from the header alone; errors as there."""
    path = Path(path)
    with _named(path), _looked_into(path) as content:
        header: Header = _kind(content).header(content)
    return header.shape


def write_picture(path: str | Path, pixels: np.ndarray, metadata: Metadata | None = None) -> None:
    """Write RGB or grey pixels, (H, W, 3 or 1) uint8 or uint16, in the format that the suffix names.

    The file appears whole or not at all. PNG and TIFF are lossless; JPEG is 8-bit, quality 95, 4:4:4.
    Metadata is carried as far as the format can hold it.

    Raises:
        NirganError: for an unknown suffix, 16 bits in JPEG, or a folder that cannot be written to.
    """
    path = Path(path)
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"pixels must be (H, W, 3 or 1) uint8 or uint16, not {pixels.shape} {pixels.dtype}")
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise NirganError(f"{path}: cannot write '{path.suffix}' files; use one of {', '.join(SUFFIXES)}")
    if writer is jpeg and pixels.dtype != np.uint8:
        raise NirganError(f"{path}: JPEG holds 8 bits; write 16-bit results as PNG or TIFF, or ask for depth 8")
    try:
        write_whole(path, _encoded(path, writer, np.ascontiguousarray(pixels), (metadata or Metadata()).for_rgb()))
    except Refused as error:
        raise NirganError(f"{path}: {error}") from None
    except OSError as error:
        raise NirganError(f"{path}: cannot be written ({error.strerror})") from None


@contextmanager
def _looked_into(path: Path) -> Iterator[Content]:
    """A file's bytes for a look at its header: mapped, or read where it lies in a tar."""
    if shard_of(path):
        yield read_bytes(path)
        return
    with path.open("rb") as file:
        if not path.stat().st_size:  # nothing cannot be mapped
            raise Refused(_EMPTY)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content


def _encoded(path: Path, writer: ModuleType, pixels: np.ndarray, metadata: Metadata) -> bytes:
    try:
        return writer.write(pixels, metadata)
    except (Refused, MemoryError):
        raise
    except Exception as error:  # metadata comes from files and may hold anything; the picture matters more
        if metadata == Metadata():
            raise
        logger.warning("%s: written without its metadata, which could not be carried (%s)", path, error)
        return writer.write(pixels, Metadata())


def _kind(content: Content) -> ModuleType:
    start = bytes(content[:4])
    if not start:
        raise Refused(_EMPTY)
    if start == png.MAGIC[:4]:
        return png
    if start[:3] == jpeg.MAGIC:
        return jpeg
    if start in tiff.MAGICS:
        return tiff
    raise Refused("not a PNG, JPEG or TIFF picture, whatever its name says; convert it to one of these")


def _check_size(header: Header, max_pixels: int) -> None:
    # Bands count too, so that a small picture with 60,000 of them does not fill the memory; up to four are free.
    share = max(1, header.channels / 4)
    bands = f" with {header.channels} bands" if header.channels > 4 else ""
    if header.height * header.width * share > max_pixels:
        raise Refused(
            f"{header.width}x{header.height} pixels{bands} are more than the limit of {max_pixels:,}; "
            "cut it up, or raise the limit: --max-pixels N for translate and evaluate, --set dataset.max_pixels=N for "
            "train and data preview"
        )
    if header.block * share > max_pixels:
        raise Refused(
            f"its tiles of {header.block:,} pixels{bands} are more than the limit of {max_pixels:,}; "
            "save it again with smaller tiles"
        )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong inside into one line that names the file."""
    try:
        yield
    except Refused as error:
        raise NirganError(f"{path}: {error}") from None
    except OSError as error:
        raise NirganError(f"{path}: cannot be read ({error.strerror or error})") from None
    except MemoryError:
        raise NirganError(f"{path}: does not fit into memory; cut it up") from None
    except Exception as error:  # decoders raise anything when bytes are damaged
        words = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise NirganError(
            f"{path}: the file is damaged or of a rare kind ({words}); save it again as PNG or TIFF"
        ) from error
