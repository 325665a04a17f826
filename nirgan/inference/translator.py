"""A trained model as one object: a picture in, the same kind of picture out, in colour."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nirgan.color.saturation import check_saturation, saturate
from nirgan.data.bands import BandWatch
from nirgan.data.convert import chosen_band, from_unit, to_source
from nirgan.data.files import Picture, read_picture
from nirgan.errors import NirganError
from nirgan.inference.conditions import resolve_conditions
from nirgan.inference.device import place
from nirgan.inference.ensemble import check_ensemble
from nirgan.inference.maps import check_pictures, of_picture
from nirgan.inference.predict import Tile
from nirgan.inference.run import translate_source
from nirgan.models.recipe import Recipe
from nirgan.models.weights import WeightsInfo

logger = logging.getLogger(__name__)

_UNNAMED = "the given picture"


class Translator:
    """A recipe with its weights, and what the weights know about reading pictures.

    Attributes:
        recipe: In eval mode, on the device.
        info: What the weights say about themselves.
        conditions: What the recipe is told besides each source.
    """

    def __init__(
        self,
        recipe: Recipe,
        info: WeightsInfo,
        *,
        device: torch.device | str = "cpu",
        tile: Tile = "auto",
        ensemble: int = 1,
        saturation: float = 1.0,
        band: int | None = None,
        full_scale: float | None = None,
        conditions: Mapping[str, Any] | None = None,
    ) -> None:
        """Put the recipe on the device.

        Args:
            recipe: As ``load_recipe`` gives it.
            info: The same.
            device: Where to run.
            tile: As ``translate_source`` takes it.
            ensemble: The same.
            saturation: Factor on the chroma of every result, from 0 (grey) to 10; 1 leaves the model's answer as it is.
            band: Band of multi-band pictures that is the source, from 1; None takes the weights'.
            full_scale: Stored value that means 1.0; None: the file's metadata, the weights', the type's maximum.
            conditions: By name, as the recipe declares them.

        Raises:
            NirganError: for a condition that the recipe does not declare, or no such ensemble or saturation.
        """
        self.recipe = place(recipe, torch.device(device)).eval()
        self.info = info
        self.conditions = resolve_conditions(recipe, conditions)
        self._tile = tile
        self._ensemble = check_ensemble(ensemble)
        self._saturation = check_saturation(saturation)
        self._band = band
        self._full_scale = full_scale
        self._bands = BandWatch(info.wavelength)

    def translate(self, picture: np.ndarray | Tensor | str | PathLike[str], **conditions: Any) -> np.ndarray | Tensor:
        """Translate one picture; the answer has the picture's size and kind.

        Args:
            picture: A file, an array (H,W) or (H,W,C) of uint8, uint16 or float (full scale 1.0), anything that numpy
                makes such an array of (a PIL image), or a float tensor (H,W) or (C,H,W).
            conditions: What the model is told besides this picture; these win over the translator's own.

        Returns:
            An array (H,W,3) of the file's or array's type (float32 for floats, in [0, 1]); for a tensor, one (3,H,W) of
            its dtype on its device.

        Raises:
            NirganError: if it cannot be read, has other channels than the weights take, or a condition does not fit it.
        """
        path = Path(picture) if isinstance(picture, str | PathLike) else None
        made = resolve_conditions(self.recipe, conditions)
        conditions = {name: made[name] for name in conditions}
        check_pictures(conditions, [] if path is None else [path])
        if isinstance(picture, Tensor):
            source = self.source_of(_from_tensor(picture), _UNNAMED)
            return self.run(source, conditions).to(picture.device, picture.dtype)
        read = _from_array(np.asarray(picture)) if path is None else read_picture(path)
        rgb = self.run(self.source_of(read, path or _UNNAMED), conditions, path=path).cpu().numpy()
        kind = read.pixels.dtype
        return from_unit(rgb, kind.itemsize * 8) if kind.kind == "u" else np.ascontiguousarray(rgb.transpose(1, 2, 0))

    def source_of(self, picture: Picture, path: Path | str) -> Tensor:
        """Make the source (C,H,W) in [0, 1] that the weights expect, by the rules of training.

        A file that is said to be of another band than the weights were trained on is named, once for each such band.

        Raises:
            NirganError: if the picture has other channels than the weights take; ``path`` is named.
        """
        band = chosen_band(picture, self._band, self.info.band)
        array = to_source(
            picture,
            self.info.task,  # type: ignore[arg-type]
            band=band,
            full_scale=self._full_scale,
            weights=self.info.full_scale,
            path=path,
        )
        if array.shape[0] != self.info.source_channels:
            advice = "; choose one with --band" if self.info.source_channels == 1 else ""
            raise NirganError(
                f"{path}: {array.shape[0]} source channels, but these weights take {self.info.source_channels}{advice}"
            )
        if isinstance(path, Path) and (words := self._bands.look(path, picture.metadata, band)):
            logger.warning("%s", words)
        return torch.from_numpy(array)

    def run(self, source: Tensor, conditions: Mapping[str, Any] | None = None, *, path: Path | None = None) -> Tensor:
        """Translate a source (C,H,W) to RGB (3,H,W) float32 in [0, 1].

        Args:
            source: As ``source_of`` gives it.
            conditions: These win over the translator's own.
            path: Where the source comes from: which of the hints given for many pictures are meant.

        Raises:
            NirganError: as ``translate_source``.
        """
        known = resolve_conditions(self.recipe, {**self.conditions, **(conditions or {})})
        told = of_picture(known, path)
        output = translate_source(self.recipe, source, told, tile=self._tile, ensemble=self._ensemble)
        return saturate(output[None], self._saturation)[0]


def _from_tensor(picture: Tensor) -> Picture:
    if not picture.is_floating_point():
        raise NirganError(f"a tensor must be float in [0, 1], not {picture.dtype}; divide it by its full scale")
    if picture.ndim not in (2, 3):
        raise NirganError(f"a tensor must be (H,W) or (C,H,W), not {tuple(picture.shape)}; give pictures one by one")
    picture = picture[None] if picture.ndim == 2 else picture
    return _from_array(picture.detach().float().cpu().numpy().transpose(1, 2, 0))


def _from_array(pixels: np.ndarray) -> Picture:
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise NirganError(f"an array must be (H,W) or (H,W,C), not {pixels.shape}")
    if pixels.dtype.kind == "f":
        pixels = pixels.astype(np.float32)
        if not np.isfinite(pixels).all():
            raise NirganError(f"{_UNNAMED} holds NaN or infinite values; fill them before use")
    elif pixels.dtype not in (np.uint8, np.uint16):
        raise NirganError(f"an array must be uint8, uint16 or float, not {pixels.dtype}")
    return Picture(pixels[..., None] if pixels.ndim == 2 else pixels)
