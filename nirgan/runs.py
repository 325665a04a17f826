"""Where runs are, and which of them is the newest."""

from __future__ import annotations

from pathlib import Path

RUNS = Path("runs")
CONFIG = "config.yaml"


def last_written(run: Path) -> float:
    """When a run's settings or one of its checkpoints were last written, as a time stamp."""
    files = (run / CONFIG, *run.glob("checkpoints/*/weights.safetensors"))
    return max((file.stat().st_mtime for file in files if file.is_file()), default=0.0)
