"""A run's log: the same numbers in ``metrics.csv`` and TensorBoard, each step once, also after a run was killed.

A checkpoint stores how long the log's files were. When the run goes on from it, they are cut to that length: what
came after the checkpoint is going to be written again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from nirgan.files import write_whole
from nirgan.monitoring.metrics_csv import NAME, MetricsCsv
from nirgan.monitoring.tensorboard import PATTERN, EventFile


class RunLog:
    """Writes numbers and pictures of a run.

    Args:
        folder: The run's.
        lengths: The log's files at the checkpoint from which the run goes on (see ``lengths``); empty for a new run.
    """

    def __init__(self, folder: Path, lengths: Mapping[str, int] | None = None) -> None:
        self._folder = folder
        _cut(folder, lengths or {})
        self._csv = MetricsCsv(folder)
        # A file of its own for each start: a TensorBoard that reads along has its place in the old one.
        self._events = EventFile(folder)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers by tag; ``step`` counts the steps done."""
        self._csv.add(step, values)
        self._events.add(step, values)

    def add_picture(self, step: int, tag: str, pixels: np.ndarray) -> None:
        """Show a picture (H,W,3) uint8 RGB in TensorBoard."""
        self._events.add_picture(step, tag, pixels)

    def save_picture(self, step: int, pixels: np.ndarray) -> None:
        """Write a picture (H,W,3) uint8 RGB to ``samples``."""
        png = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
        write_whole(self._folder / "samples" / f"step_{step:06d}.png", png)

    def lengths(self) -> dict[str, int]:
        """Bytes of each file of the log, which are on the disk by then."""
        for file in (self._csv.file, self._events.file):
            file.flush()
            os.fsync(file.fileno())
        return {path.name: path.stat().st_size for path in _files(self._folder)}

    def close(self) -> None:
        """Close the files."""
        self._csv.file.close()
        self._events.file.close()


def _files(folder: Path) -> list[Path]:
    return [path for path in (folder / NAME, *sorted(folder.glob(PATTERN))) if path.exists()]


def _cut(folder: Path, lengths: Mapping[str, int]) -> None:
    for path in _files(folder):
        if path.name not in lengths:
            path.unlink()
        elif path.stat().st_size > lengths[path.name]:
            os.truncate(path, lengths[path.name])
