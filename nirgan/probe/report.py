"""What a probe found, as a table, as files and as a plot."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from nirgan.files import csv_bytes, write_whole
from nirgan.probe.run import RANDOM, TRAINED
from nirgan.reporting.tables import number

SUMMARY, ROWS, PLOT = "probe.json", "probe.csv", "probe.png"
NO_PLOT = "no plot: it needs matplotlib, which `pip install 'nirgan[report]'` brings"
_ENDS = ("mean", "low", "high")


def probe_table(summary: Mapping[str, Any]) -> Table:
    """Rows are layers; columns what a classifier makes of the trained network's features and of the untrained one's."""
    counts, weights = summary["counts"], summary["weights"]
    table = Table(
        title=f"{weights['model']}, {weights['step']} steps: {len(summary['data']['classes'])} classes, "
        f"{counts['train']} pictures to learn from, {counts['test']} scored: accuracy in %, mean and 95 % interval"
    )
    table.add_column("layer")
    for column in ("numbers", TRAINED, RANDOM, f"{TRAINED} − {RANDOM}"):
        table.add_column(column, justify="right")
    for row in summary["layers"]:
        numbers = f"{row['channels']}×{row['cells']}"
        table.add_row(row["layer"], numbers, *(number(row[key]) for key in (TRAINED, RANDOM, "difference")))
    return table


def write_probe(folder: Path, summary: Mapping[str, Any]) -> bool:
    """Write JSON, CSV and, where matplotlib is installed, the plot; returns whether it is."""
    write_whole(folder / ROWS, _csv(summary))
    plot = _plot(summary)
    if plot is not None:
        write_whole(folder / PLOT, plot)
    write_whole(folder / SUMMARY, (json.dumps(summary, indent=2, allow_nan=False) + "\n").encode())
    return plot is not None


def _csv(summary: Mapping[str, Any]) -> bytes:
    scores = [(name, end) for name in (TRAINED, RANDOM, "difference") for end in _ENDS]
    columns = ["layer", "channels", "cells", *(name if end == "mean" else f"{name}_{end}" for name, end in scores)]
    rows = [
        [row["layer"], row["channels"], row["cells"], *(row[name][end] for name, end in scores), row["fit"]]
        for row in summary["layers"]
    ]
    return csv_bytes([[*columns, "fit"], *rows])


def _plot(summary: Mapping[str, Any]) -> bytes | None:
    """Accuracy by layer as PNG; None without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    rows = summary["layers"]
    figure = Figure(figsize=(max(6.0, 0.7 * len(rows)), 4.5), layout="constrained")
    axes = figure.subplots()
    for name in (TRAINED, RANDOM):
        means, lows, highs = ([row[name][end] for row in rows] for end in _ENDS)
        below = [max(0.0, mean - low) for mean, low in zip(means, lows, strict=True)]
        above = [max(0.0, high - mean) for mean, high in zip(means, highs, strict=True)]
        axes.errorbar(range(len(rows)), means, yerr=[below, above], marker="o", capsize=3, label=name)
    axes.axhline(summary["chance"], linestyle="--", color="gray", label="commonest class")
    axes.set_xticks(range(len(rows)), [row["layer"] for row in rows], rotation=45, ha="right")
    axes.set_ylabel("accuracy of a linear classifier, %")
    axes.set_title(f"{summary['weights']['model']}, {summary['weights']['step']} steps")
    axes.legend()
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150)
    return png.getvalue()
