"""Where a training step's time goes, by operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.profiler import ProfilerActivity, profile

from nirgan.training.runtime import Runtime


def top_operators(step: Callable[[], object], runtime: Runtime, count: int = 10) -> list[dict[str, Any]]:
    """The operators that take most time of a step, without those that they call: ``name``, ``share``, ``calls``."""
    step()
    on_gpu = runtime.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as profiler:
        step()
        runtime.synchronise()
    operators = profiler.key_averages()

    def own_time(operator: Any) -> float:
        return float(operator.self_device_time_total if on_gpu else operator.self_cpu_time_total)

    whole = sum(map(own_time, operators)) or 1.0
    ranked = sorted(operators, key=own_time, reverse=True)[:count]
    return [{"name": op.key, "share": own_time(op) / whole, "calls": op.count} for op in ranked]
