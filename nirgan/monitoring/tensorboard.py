"""TensorBoard event files, written directly: one record after the other, nothing in the background."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

PATTERN = "events.out.tfevents.*"


class EventFile:
    """A new event file of a run.

    Args:
        folder: The run's.
    """

    def __init__(self, folder: Path) -> None:
        stem = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        names = (f"{stem}.{number}" for number in range(10_000))
        self.file = next(folder / name for name in names if not (folder / name).exists()).open("wb")
        self._records = RecordWriter(self.file)
        self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers by tag."""
        for tag, value in values.items():
            self._add(step, Summary.Value(tag=tag, simple_value=value))

    def add_picture(self, step: int, tag: str, pixels: np.ndarray) -> None:
        """Write a picture (H,W,3) uint8 RGB."""
        height, width = pixels.shape[:2]
        png = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=png)
        self._add(step, Summary.Value(tag=tag, image=image))

    def _add(self, step: int, value: Summary.Value) -> None:
        self._write(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))

    def _write(self, event: Event) -> None:
        self._records.write(event.SerializeToString())
        self.file.flush()  # so that TensorBoard shows it now
