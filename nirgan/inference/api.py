"""The two calls that most people need: load a model, translate pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from nirgan.errors import NirganError
from nirgan.inference.device import pick_device
from nirgan.inference.find import find_weights
from nirgan.inference.folder import Translated, translate_files
from nirgan.inference.predict import Tile
from nirgan.inference.translator import Translator
from nirgan.models.weights import load_recipe


def load(
    weights: str | PathLike[str] | None = None,
    *,
    task: str | None = None,
    device: str = "auto",
    tile: Tile = "auto",
    ensemble: int = 1,
    saturation: float = 1.0,
    band: int | None = None,
    full_scale: float | None = None,
    conditions: Mapping[str, Any] | None = None,
) -> Translator:
    """Load weights for translation: ``nirgan.load("runs/first").translate("nir.png")``.

    Args:
        weights: A file, a run, a checkpoint folder or a shipped name; None: the newest run under ``runs/``, else what
            ships.
        task: ``nir2rgb`` or ``gray2rgb``, where ``weights`` leaves a choice.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        tile: As ``translate_source`` takes it.
        ensemble: The same.
        saturation: As ``Translator`` takes it.
        band: Band of multi-band pictures that is the source, from 1.
        full_scale: Stored value that means 1.0.
        conditions: What the model is told besides each picture, by name.

    Raises:
        NirganError: if there are no such weights, no such device, ensemble or saturation.
    """
    place = pick_device(device)
    recipe, info = load_recipe(find_weights(None if weights is None else Path(weights), task))
    return Translator(
        recipe,
        info,
        device=place,
        tile=tile,
        ensemble=ensemble,
        saturation=saturation,
        band=band,
        full_scale=full_scale,
        conditions=conditions,
    )


def translate(
    inputs: str | PathLike[str] | Sequence[str | PathLike[str]],
    out: str | PathLike[str] = "translated",
    *,
    weights: str | PathLike[str] | None = None,
    task: str | None = None,
    device: str = "auto",
    tile: Tile = "auto",
    ensemble: int = 1,
    saturation: float = 1.0,
    band: int | None = None,
    full_scale: float | None = None,
    conditions: Mapping[str, Any] | None = None,
    **options: Any,
) -> Translated:
    """Translate a file, a folder or several of them; ``options`` as ``translate_files`` takes them.

    Raises:
        NirganError: as ``load`` and ``translate_files``; also when not one of the inputs could be read.
    """
    translator = load(
        weights,
        task=task,
        device=device,
        tile=tile,
        ensemble=ensemble,
        saturation=saturation,
        band=band,
        full_scale=full_scale,
        conditions=conditions,
    )
    several = [inputs] if isinstance(inputs, str | PathLike) else list(inputs)
    result = translate_files(translator, [Path(item) for item in several], Path(out), **options)
    if result.failed and not result.written and not result.skipped:
        path, error = result.failed[0]
        raise NirganError(f"{path}: {error}")
    return result
