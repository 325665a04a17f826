"""What the machine is, and the most arithmetic it has to give."""

from __future__ import annotations

import platform
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from nirgan import __version__
from nirgan.training.runtime import Runtime

_PACKAGES = ("lightning-fabric", "numpy", "opencv-python-headless", "torchvision")
_SIDES = {"cpu": (1024, 2048, 4096), "cuda": (4096, 8192, 16384), "mps": (2048, 4096)}
_PATIENCE = 1.5
"""Seconds that one product may take before no larger one is tried."""


def machine(runtime: Runtime) -> dict[str, Any]:
    """Device, threads and versions that the figures belong to."""
    versions = {"nirgan": __version__, "python": platform.python_version(), "torch": torch.__version__}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return {
        "device": runtime.device.type,
        "device_name": device_name(runtime.device),
        "threads": torch.get_num_threads(),
        "versions": versions,
    }


def device_name(device: torch.device) -> str:
    """As its maker calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def matrix_rate(runtime: Runtime, dtype: torch.dtype, sides: tuple[int, ...] | None = None) -> float:
    """Best rate of a few large square matrix products, in GFLOP/s (a product of side n is 2·n³ operations)."""
    best = 0.0
    for side in sides or _SIDES.get(runtime.device.type, _SIDES["cpu"]):
        left, right = (torch.randn(side, side, device=runtime.device).to(dtype) for _ in range(2))
        seconds = min(_product(left, right, runtime) for _ in range(4))  # the first one warms up
        best = max(best, 2 * side**3 / seconds / 1e9)
        if seconds > _PATIENCE:
            break
    return best


def _product(left: torch.Tensor, right: torch.Tensor, runtime: Runtime) -> float:
    runtime.synchronise()
    began = time.perf_counter()
    left @ right
    runtime.synchronise()
    return time.perf_counter() - began
