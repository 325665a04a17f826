"""What a picture file says besides its pixels, so that a result can say it too."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from nirgan.data.formats import exif


@dataclass(frozen=True)
class TiffTag:
    """One TIFF tag that is carried as it is."""

    code: int
    dtype: int
    count: int
    value: bytes | int | float | tuple[int | float, ...]


@dataclass(frozen=True)
class Metadata:
    """What is carried from a source file to its result, where the result's format can hold it.

    Attributes:
        exif: EXIF block as a TIFF structure (``II*`` or ``MM*`` first, no ``Exif`` prefix).
        icc: ICC colour profile.
        xmp: XMP packet.
        text: PNG text, as (keyword, text).
        dpi: Dots per inch, horizontal and vertical.
        tiff_tags: GeoTIFF and GDAL tags, from TIFF to TIFF only.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    text: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None
    tiff_tags: tuple[TiffTag, ...] = ()

    def turned_upright(self, orientation: int) -> Metadata:
        """The metadata of a picture whose pixels were turned by ``orientation``: it says 1 now.

        Geographic tags give the place of stored rows and columns, so they are dropped when those moved.
        """
        return replace(
            self,
            exif=exif.without_orientation(self.exif) if self.exif else None,
            xmp=_upright_xmp(self.xmp) if self.xmp else None,
            dpi=self.dpi[::-1] if self.dpi and orientation >= 5 else self.dpi,
            tiff_tags=self.tiff_tags if orientation == 1 else (),
        )

    def for_rgb(self) -> Metadata:
        """The part that is true of an RGB result: a profile of a grey or CMYK source is not."""
        return self if self.icc is None or is_rgb_profile(self.icc) else replace(self, icc=None)


def is_rgb_profile(icc: bytes) -> bool:
    """Whether an ICC profile is whole and describes RGB (ICC.1:2022, 7.2: size, colour space and signature)."""
    return (
        len(icc) >= 128
        and int.from_bytes(icc[:4], "big") == len(icc)
        and icc[16:20] == b"RGB "
        and icc[36:40] == b"acsp"
    )


def _upright_xmp(xmp: bytes) -> bytes:
    # Written as an attribute (tiff:Orientation="6") or as an element (<tiff:Orientation>6<).
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))[2-8]", rb"\g<1>1", xmp)
