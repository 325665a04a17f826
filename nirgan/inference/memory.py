"""How much memory a prediction takes, and how much there is."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from nirgan.layers.reach import round_up
from nirgan.models.recipe import Recipe

CPU_BUDGET = 2**30
"""Bytes that a prediction on the CPU may take before it is tiled, if its tiles are exact and cost one pass."""

_CUDA_SHARE = 0.6
_CPU_SHARE = 0.5
_WORKSPACE = 2.5
"""Convolutions need room besides their result: the process grows by 2.0 (ResNet) to 2.6 (U-Net) times as much."""

_measured: weakref.WeakKeyDictionary[Recipe, float] = weakref.WeakKeyDictionary()


def bytes_per_pixel(recipe: Recipe, channels: int, conditions: Mapping[str, Any]) -> float:
    """Bytes that ``predict`` needs per pixel of the padded source, measured once per recipe on a small grey picture."""
    if recipe not in _measured:
        side = round_up(max(64, recipe.smallest), recipe.stride)
        place = next((t for t in (*recipe.parameters(), *recipe.buffers()) if t.is_floating_point()), torch.zeros(1))
        grey = place.new_full((1, channels, side, side), 0.5)
        cuda = [place.device] if place.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda):
            peak = peak_bytes(lambda: recipe.predict(grey, conditions), grey)
        _measured[recipe] = _WORKSPACE * (peak / side**2 + channels * grey.element_size())
    return _measured[recipe]


def budget_bytes(device: torch.device, *, whole_picture: bool) -> int:
    """Bytes that a prediction may take on a device before it is tiled.

    On CUDA a share of what is free. On the CPU 1 GiB, or half of what is available for a recipe that looks at the whole
    picture, because its tiles cost many passes.
    """
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int((free + unused) * _CUDA_SHARE)
    return max(CPU_BUDGET, int(_available() * _CPU_SHARE)) if whole_picture else CPU_BUDGET


def peak_bytes(run: Callable[[], Any], picture: Tensor) -> int:
    """The most bytes that tensors made by ``run`` from ``picture`` hold at one time.

    What is made from weights alone does not count: it does not grow with the picture.
    """
    with _LiveBytes(picture) as live:
        run()
    return live.peak


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device said that it has no memory left (the CPU says so in a plain RuntimeError)."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


class _LiveBytes(TorchFunctionMode):
    """Counts the storages that operators fill from a picture and that are still held."""

    def __init__(self, picture: Tensor) -> None:
        super().__init__()
        self.peak = 0
        self._held = {id(picture.untyped_storage()): 0}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if any(id(storage) in self._held for storage in _storages((args, kwargs))):
            for storage in _storages(result):  # views and in-place results share the storage of what they were given
                if id(storage) not in self._held:
                    self._held[id(storage)] = storage.nbytes()
                    weakref.finalize(storage, self._held.pop, id(storage))
            self.peak = max(self.peak, sum(self._held.values()))
        return result


def _storages(values: Any) -> list[torch.UntypedStorage]:
    return [leaf.untyped_storage() for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _available() -> float:
    # Linux; a container's own limit counts where it is lower. Elsewhere nothing is known.
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        available = next(int(line.split()[1]) * 1024.0 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return 0.0
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        return min(available, math.inf if limit == "max" else int(limit) - int(used))
    except (OSError, ValueError):
        return available
