"""Where a translation runs."""

from __future__ import annotations

import os

import torch

from nirgan.errors import NirganError
from nirgan.inference.processes import this_process
from nirgan.models.recipe import Recipe


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; ``auto`` takes CUDA, Apple's GPU or the CPU.

    Of several CUDA devices, processes that a launcher started take one each by their number on the machine.

    Raises:
        NirganError: if there is no such device here.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind in ("cuda", "mps", "cpu") if there[kind])
    kind, _, index = name.partition(":")
    if kind not in there or (index and not index.isdigit()):
        raise NirganError(f"device '{name}': there are auto, cpu, cuda, cuda:N and mps")
    if not there[kind] or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        raise NirganError(f"device '{name}' is not available on this machine; use --device auto")
    if name == "cuda" and this_process()[1] > 1:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    return torch.device(name)


def memory_format(device: torch.device) -> torch.memory_format:
    """Layout of 4-D weights and pictures on a device; channels-last is what convolutions are fastest in."""
    return torch.contiguous_format if device.type == "mps" else torch.channels_last


def place(recipe: Recipe, device: torch.device) -> Recipe:
    """Move a recipe to a device, in place, in the layout that is fastest there."""
    recipe.to(device)
    recipe.to(memory_format=memory_format(device))  # type: ignore[call-overload]  # a torch overload without a stub
    return recipe
