"""Which square of a picture a crop is cut from, and where another camera's picture shows the same part of the scene.

The rule for unregistered pairs, whose two cameras may have different numbers of pixels and see the scene shifted:

1. One pixel of the source is ``scale`` pixels of the target: the smaller of the ratios of their heights and of their
   widths, so that what fits into the source fits into the target.
2. The source is cut in its own pixels, as ``translate`` will see it. The target is cut ``scale`` times as large and
   resized to the crop, so that both show the same share of what their cameras see.
3. The target's square has its centre at the same relative place as the source's, moved inside where it would cross the
   border.
4. Where a step takes source and target from two pairs (view ``unpaired``), each square has a place of its own; 1 and 2
   hold with the scale of the target's own pair, so that both sides show things at one size.

What is left between the two is the cameras' unknown warp: nothing here measures it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nirgan.data.files import Picture
from nirgan.data.sizes import Size


@dataclass(frozen=True)
class Window:
    """A square in a picture, in pixels.

    Attributes:
        top: First row.
        left: First column.
        side: Rows and columns.
    """

    top: int
    left: int
    side: int

    @classmethod
    def at(cls, size: Size, side: int, down: float, right: float) -> Window:
        """The square at a relative place: (0, 0) touches the top left corner, (1, 1) the bottom right one."""
        return cls(round(down * (size[0] - side)), round(right * (size[1] - side)), side)

    def of(self, picture: Picture) -> Picture:
        """That part of a picture."""
        rows, columns = (slice(first, first + self.side) for first in (self.top, self.left))
        return replace(picture, pixels=picture.pixels[rows, columns])

    def seen_by(self, size: Size, other: Size, scale: float) -> Window:
        """The square of another camera's picture around the same relative point.

        Args:
            size: Of the picture that this square is in.
            other: Of the other camera's picture.
            scale: Pixels of the other picture for one of this.
        """
        side = scaled(self.side, scale, other)
        top, left = (
            min(max(round((first + self.side / 2) / here * there - side / 2), 0), there - side)
            for first, here, there in zip((self.top, self.left), size, other, strict=True)
        )
        return Window(top, left, side)


def scaled(side: int, scale: float, size: Size) -> int:
    """A side of so many pixels, times ``scale``: at least one pixel, at most what a picture of ``size`` has."""
    return min(max(1, round(scale * side)), *size)
