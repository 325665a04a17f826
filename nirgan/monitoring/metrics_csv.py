"""``metrics.csv``: every logged number, one a row."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

NAME = "metrics.csv"
COLUMNS = ("step", "tag", "value")


class MetricsCsv:
    """Appends rows ``step,tag,value``; the long format keeps its columns whatever is logged.

    Args:
        folder: The run's; the file is made with its header if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / NAME
        empty = not path.exists() or path.stat().st_size == 0
        self.file = path.open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self.file, lineterminator="\n")
        if empty:
            self._rows.writerow(COLUMNS)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write numbers by tag."""
        self._rows.writerows((step, tag, repr(float(value))) for tag, value in values.items())
        self.file.flush()
