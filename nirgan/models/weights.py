"""Weights: one portable safetensors file that holds what prediction needs, and what it must know to use it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from nirgan import __version__
from nirgan.data.bands import PATTERN
from nirgan.errors import NirganError
from nirgan.files import write_whole
from nirgan.models.create import create_model, recipe_class
from nirgan.models.options import GIVEN, offline_options
from nirgan.models.recipe import Recipe

FORMAT = "nirgan-weights-1"
_LARGEST_HEADER = 16 * 2**20


class WeightsInfo(BaseModel):
    """What a weights file says about itself; validated when read, never imported or executed.

    Attributes:
        model: Recipe name.
        task: What it was trained for.
        source_channels: Channels it takes.
        crop: Side of the training crop in pixels.
        options: The recipe's own, defaults among them.
        full_scale: Stored value that became 1.0 in training; None when files differed (the dtype's maximum then).
        band: Number of the band of multi-band files that was the source, None for all.
        wavelength: Band of light of the sources (``nirgan.data.bands``), None where nobody said, or several.
        lookup: Training set's mean colour (R, G, B in [0, 1]) for each of 256 source levels: a baseline.
        value_range: Range of source and output as ``translate`` sees them.
        step: Training steps behind these weights.
        nirgan: Version that wrote the file.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: str = FORMAT
    model: str
    task: str
    source_channels: int = Field(default=1, ge=1, le=4096)
    crop: int = Field(default=256, ge=1, le=65536)
    options: dict[str, Any] = {}
    full_scale: float | None = None
    band: int | None = None
    wavelength: Annotated[str, Field(pattern=PATTERN)] | None = None
    lookup: list[list[float]] | None = None
    value_range: tuple[Literal[0], Literal[1]] = (0, 1)
    step: int = 0
    nirgan: str = __version__


def save_weights(path: Path, tensors: dict[str, Tensor], info: WeightsInfo) -> None:
    """Write tensors (named as in the recipe's ``state_dict``) and info; the file appears whole or not at all."""
    # Cloned because tied weights share memory, which the format refuses.
    contiguous = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    words = info.model_dump_json()
    write_whole(path, save(contiguous, metadata={"nirgan": words, "sha256": _digest(words, contiguous)}))


def read_info(path: Path) -> WeightsInfo:
    """Read what a weights file says about itself.

    Raises:
        NirganError: if the file is missing, cut, no safetensors file or not written by nirgan.
    """
    return _read(path, with_tensors=False)[0]


def read_weights(path: Path) -> tuple[WeightsInfo, dict[str, Tensor]]:
    """Read info and tensors (on the CPU) from a weights file; errors as ``read_info``, and for a changed byte."""
    return _read(path, with_tensors=True)


def describe(model: str, recipe: Recipe, **more: Any) -> WeightsInfo:
    """What a file says of a recipe's weights: how to build it again, and ``more`` fields."""
    built = recipe.built_with
    options = {name: value for name, value in built.items() if name not in GIVEN}
    return WeightsInfo(model=model, **{name: built[name] for name in GIVEN}, options=options, **more)


def load_recipe(path: Path) -> tuple[Recipe, WeightsInfo]:
    """Build the recipe that a weights file holds, with the networks that translate alone, in eval mode on the CPU.

    Raises:
        NirganError: if the file is not readable weights, or does not fit the recipe it names.
    """
    info, tensors = read_weights(path)
    options = {name: tuple(v) if isinstance(v, list) else v for name, v in info.options.items()}
    options |= offline_options(recipe_class(info.model))
    recipe = create_model(
        info.model,
        task=info.task,  # type: ignore[arg-type]  # create_model checks it
        source_channels=info.source_channels,
        crop=info.crop,
        **options,
    )
    fill(recipe, tensors, path)
    _keep_what_translates(recipe)
    return recipe.eval().requires_grad_(False), info


def _keep_what_translates(recipe: Recipe) -> None:
    """Drop the networks that only training needs: discriminators may be the larger part."""
    kept = {path.partition(".")[0] for path in recipe.translates_with}
    for name in [name for name in recipe.networks if name not in kept]:
        del recipe.networks[name]


def fill(recipe: Recipe, tensors: dict[str, Tensor], path: Path, *, but: Collection[str] = ()) -> None:
    """Copy weights into a recipe; what is missing, unknown or of another shape is an error with the first names.

    Names in ``but`` are neither copied nor missed.
    """
    wanted = set(recipe.weight_names()).difference(but)
    state = recipe.state_dict()
    missing, unknown = sorted(wanted - tensors.keys()), sorted(tensors.keys() - wanted - set(but))
    misshapen = sorted(n for n in wanted & tensors.keys() if state[n].shape != tensors[n].shape and state[n].numel())
    if missing or unknown or misshapen:
        parts = [
            f"{len(names)} {word} (first: {', '.join(names[:3])})"
            for names, word in ((missing, "missing"), (unknown, "not of this model"), (misshapen, "of another shape"))
            if names
        ]
        raise NirganError(f"{path}: these weights do not fit {type(recipe).__name__}: " + "; ".join(parts))
    with torch.no_grad():
        for name in wanted:
            owner_path, _, leaf = name.rpartition(".")
            owner = recipe.get_submodule(owner_path)
            value = tensors[name]
            old = getattr(owner, leaf)
            if old.shape == value.shape:
                old.copy_(value)
            else:  # a prior whose size only `prepare` knows
                setattr(owner, leaf, value.to(old))


def weights_hash(path: Path) -> str:
    """SHA-256 of the file, first 16 hex digits: names the weights in results."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:16]


def _read(path: Path, *, with_tensors: bool) -> tuple[WeightsInfo, dict[str, Tensor]]:
    if not path.is_file():
        raise NirganError(f"{path}: no such weights file")
    if path.suffix != ".safetensors":
        raise NirganError(f"{path}: weights are safetensors files; other formats can run code and are not read")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()} if with_tensors else {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise NirganError(f"{path}: not a whole safetensors file ({error}); copy or train it again") from None
    words = metadata.get("nirgan")
    if words is None:
        raise NirganError(f"{path}: a safetensors file, but not one that nirgan wrote (no 'nirgan' metadata)")
    if len(words) > _LARGEST_HEADER:
        raise NirganError(f"{path}: its metadata is larger than {_LARGEST_HEADER} bytes")
    stored = metadata.get("sha256")  # files of earlier versions have none
    if with_tensors and stored is not None and stored != _digest(words, tensors):
        raise NirganError(f"{path}: damaged: its checksum does not fit; copy or train it again")
    try:
        info = WeightsInfo.model_validate(json.loads(words))
    except (ValidationError, ValueError, RecursionError) as error:
        first = str(error).splitlines()[0]
        raise NirganError(f"{path}: its metadata is damaged ({first})") from None
    if info.format != FORMAT:
        raise NirganError(f"{path}: format '{info.format}', this nirgan reads '{FORMAT}'; install a newer nirgan")
    return info, tensors


def _digest(words: str, tensors: dict[str, Tensor]) -> str:
    """SHA-256 over all that a file holds: the format itself would not notice a changed byte."""
    digest = hashlib.sha256(words.encode())
    for name, value in sorted(tensors.items()):
        digest.update(f"\n{name} {value.dtype} {list(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
