"""What a camera sees: a linear picture in four bands, painted back to front in scene coordinates."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Region = tuple[slice, slice]
Shader = Callable[[np.ndarray, np.ndarray], np.ndarray]
_FRACTION_BITS = 6


class Canvas:
    """A picture (H, W, 4) float32 of linear radiance.

    Scene coordinates have y from 0 (top) to 1 (bottom) and x from 0 to W/H of the colour camera. Everything is computed
    at the points a camera looks at, so a camera that stands elsewhere sees the same scene, with no pixel interpolated.

    Args:
        height: Rows.
        width: Columns.
        camera: 2x3 matrix from the colour camera's pixels to this camera's (identity for the colour camera itself).
    """

    def __init__(self, height: int, width: int, camera: np.ndarray) -> None:
        self.height, self.width = height, width
        self.pixels = np.zeros((height, width, 4), np.float32)
        self._camera = camera.astype(np.float64)
        self._scale = float(height)
        inverse = cv2.invertAffineTransform(self._camera)
        rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
        # Pixel centres have whole coordinates in `camera`, as in OpenCV; the scene's origin is the corner.
        self.x = ((inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2] + 0.5) / height).astype(np.float32)
        self.y = ((inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2] + 0.5) / height).astype(np.float32)

    @property
    def aspect(self) -> float:
        """Width of the colour camera's picture in scene units."""
        return self.width / self.height

    @property
    def pixel(self) -> float:
        """Side of a pixel in scene units."""
        return 1 / self._scale

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Scene points (N, 2) in this camera's pixel coordinates."""
        plain = points * self._scale - 0.5
        return plain @ self._camera[:, :2].T + self._camera[:, 2]

    def region(self, points: np.ndarray) -> Region | None:
        """The part of the picture that holds scene points, a pixel wider; None if that is outside."""
        at = self.to_pixels(np.asarray(points, dtype=np.float64))
        left, top = np.maximum(np.floor(at.min(axis=0)) - 1, 0).astype(int)
        right, bottom = np.minimum(np.ceil(at.max(axis=0)) + 2, (self.width, self.height)).astype(int)
        return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None

    def box(self, left: float, top: float, right: float, bottom: float) -> Region | None:
        """As ``region``, for a rectangle in scene coordinates."""
        return self.region(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))

    def coverage(self, region: Region, points: np.ndarray) -> np.ndarray:
        """How much of each pixel of a region a polygon covers, (h, w) float32 from 0 to 1."""
        rows, columns = region
        mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
        at = (self.to_pixels(points) - (columns.start, rows.start)) * 2**_FRACTION_BITS
        # Far outside the picture the fixed-point numbers of OpenCV would overflow.
        corners = np.clip(np.rint(at), -(2**20), 2**20).astype(np.int32)
        cv2.fillPoly(mask, [corners], 255, lineType=cv2.LINE_AA, shift=_FRACTION_BITS)
        return mask.astype(np.float32) / 255

    def blend(self, region: Region, alpha: np.ndarray, radiance: np.ndarray) -> None:
        """Lay radiance, (4,) or (h, w, 4), over a region with opacity (h, w)."""
        below = self.pixels[region]
        below += alpha[..., None] * (radiance - below)

    def darken(self, region: Region, alpha: np.ndarray, factor: np.ndarray) -> None:
        """Multiply a region by ``factor`` (4,) where ``alpha`` (h, w) is 1."""
        self.pixels[region] *= 1 - alpha[..., None] * (1 - factor)

    def polygon(self, points: np.ndarray, radiance: np.ndarray | Shader) -> None:
        """Fill a polygon (N, 2) with radiance, or with what a shader says of the coordinates x and y."""
        region = self.region(points)
        if region is None:
            return
        colour = radiance if isinstance(radiance, np.ndarray) else radiance(self.x[region], self.y[region])
        self.blend(region, self.coverage(region, points), colour)
