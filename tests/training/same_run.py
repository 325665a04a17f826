"""Whether two runs are the same, bit by bit."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader


def state_of(out: Path) -> dict[str, Any]:
    """Training state of the last checkpoint."""
    return torch.load(out / "checkpoints" / "last" / "state.pt", weights_only=True)


def differences(a: Any, b: Any, where: str = "") -> list[str]:
    """Places where two nested states are not bit-equal."""
    if isinstance(a, torch.Tensor):
        return [] if torch.equal(a, b) and a.dtype == b.dtype else [where]
    if isinstance(a, dict):
        if a.keys() != b.keys():
            return [f"{where}: keys {a.keys() ^ b.keys()}"]
        return [d for key in a for d in differences(a[key], b[key], f"{where}.{key}")]
    if isinstance(a, list):
        if len(a) != len(b):
            return [f"{where}: lengths"]
        return [d for i, (x, y) in enumerate(zip(a, b, strict=True)) for d in differences(x, y, f"{where}[{i}]")]
    return [] if a == b or (a != a and b != b) else [where]


def assert_same_run(a: Path, b: Path) -> None:
    """Bit-equal weights and state, and the same numbers."""
    first, second = state_of(a), state_of(b)
    for state in (first, second):
        del state["seconds"], state["output"]["log"]
    assert differences(first, second) == []
    for name in ("last", "best"):
        one, other = (load_file(out / "checkpoints" / name / "weights.safetensors") for out in (a, b))
        assert differences(one, other) == []
    assert numbers(a) == numbers(b)


def numbers(out: Path) -> dict[tuple[int, str], str]:
    """metrics.csv but for speeds; every row must be there once."""
    rows = list(csv.DictReader((out / "metrics.csv").open()))
    counts = Counter((row["step"], row["tag"]) for row in rows)
    assert max(counts.values()) == 1
    return {(int(r["step"]), r["tag"]): r["value"] for r in rows if not r["tag"].startswith("speed/")}


def events(out: Path) -> Counter[tuple[int, str]]:
    """How often each tag is in the event files at each step."""
    files = sorted(out.glob("events.out.tfevents.*"))
    found = [event for file in files for event in LegacyEventFileLoader(str(file)).Load()]
    return Counter((event.step, value.tag) for event in found for value in event.summary.value)
