"""Files as nobody wants them, written without nirgan's own writers."""

from __future__ import annotations

import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import tifffile

QUICK = ("--preset", "tiny", "--device", "cpu", "--set", "logging.samples=1", "--set", "validation.images=1")
"""Options of a training of moments."""


def png(height: int = 40, width: int = 48, seed: int = 0) -> bytes:
    """A grey picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    return bytes(cv2.imencode(".png", pixels)[1].tobytes())


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side: int = 60_000) -> bytes:
    """A PNG of a few kilobytes that says it is 3.6 gigapixels of black."""
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + png_chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + png_chunk(b"IEND", b"")


def with_one(value: float) -> np.ndarray:
    pixels = np.full((40, 48), 0.5, np.float32)
    pixels[3, 4] = value
    return pixels


def write_bad_pictures(folder: Path) -> dict[str, str]:
    """Pictures that a one-channel model cannot take, with what is said of each, by name."""
    (folder / "cut.png").write_bytes(png()[:700])
    (folder / "text.png").write_text("this is no picture\n")
    (folder / "empty.png").touch()
    (folder / "bomb.png").write_bytes(bomb())
    tifffile.imwrite(folder / "five.tif", np.zeros((40, 48, 5), np.uint16), photometric="minisblack")
    tifffile.imwrite(folder / "nan.tif", with_one(np.nan))
    tifffile.imwrite(folder / "infinite.tif", with_one(np.inf))
    return {
        "cut.png": "cut",
        "text.png": "not a PNG, JPEG or TIFF",
        "empty.png": "empty",
        "bomb.png": "more than the limit of 400,000,000",
        "five.tif": "5 source channels",
        "nan.tif": "NaN or infinite",
        "infinite.tif": "NaN or infinite",
    }


class Touch:
    """Unpickled, it makes a file: what an attacker's pickle would do worse."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.marker,)


def armed_pickles(folder: Path, marker: Path) -> list[Path]:
    """Files whose unpickling makes ``marker``: a bare pickle, and one as torch keeps it. Both are tried here."""
    content = pickle.dumps({"step": 2, "state": Touch(marker)}, protocol=2)
    bare, packed = folder / "bare.pickle", folder / "packed.pickle"
    bare.write_bytes(content)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    for armed in (bare.read_bytes(), zipfile.ZipFile(packed).read("archive/data.pkl")):
        pickle.loads(armed)
        marker.unlink()  # it was there
    return [bare, packed]


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
