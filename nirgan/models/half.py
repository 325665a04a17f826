"""Weights in half precision: half as large on disk, float32 again when they are loaded."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nirgan.errors import NirganError
from nirgan.models.weights import read_weights, save_weights


def write_half(source: Path, out: Path) -> int:
    """Write a weights file again with its floating-point tensors in float16, and the same info.

    A recipe that loads it computes in its own precision, float32: only the digits that float16 does not have are lost,
    about 3 of 7.

    Returns:
        Size of the file in bytes.

    Raises:
        NirganError: if ``source`` is no weights file, ``out`` is not called ``….safetensors``, or a value is too large
            for float16.
    """
    if out.suffix != ".safetensors":
        raise NirganError(f"{out}: weights are safetensors files: name it {out.stem}.safetensors")
    info, tensors = read_weights(source)
    save_weights(out, {name: _halved(name, value, source) for name, value in tensors.items()}, info)
    return out.stat().st_size


def _halved(name: str, value: Tensor, source: Path) -> Tensor:
    if not value.is_floating_point():  # counters, names
        return value
    half = value.half()
    if not torch.equal(half.isfinite(), value.isfinite()):
        most = torch.finfo(torch.float16).max
        raise NirganError(
            f"{source}: {name} holds values beyond {most:g}, which half precision cannot; ship it as it is"
        )
    return half
