"""Results as files: Markdown for people, CSV for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nirgan.reporting.tables import label, marked, number

SHOWN = ("psnr", "psnr_gain", "ssim", "ae", "delta_e")
"""Metrics of a paper's table, in its order."""
SHOWN_OF_GREY = ("psnr", "ssim", "delta_e", "colourfulness_gap", "auc", "auc_rebalanced", "acc1", "acc5")
"""The same where lightness is given, and colour is all that is asked for."""
Scores = Mapping[str, Mapping[str, Any]]
"""By metric: ``mean``, ``low`` and ``high``."""


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of Markdown; the first column stands left, the others right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "".join(f"| {' | '.join(str(cell).replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def csv_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with the keys of all rows, in the order of their first appearance; what a row does not have is empty."""
    text = io.StringIO()
    table = csv.DictWriter(text, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def headings(metrics: Sequence[str] = SHOWN) -> list[str]:
    """Columns for the cells of ``scores`` and ``differences``."""
    return [label(metric) for metric in metrics]


def scores(of: Scores, metrics: Sequence[str] = SHOWN, *, interval: bool = True) -> list[str]:
    """Cells: a mean, and its interval, for each metric that is shown."""
    return [number(of.get(metric, {}), interval=interval) for metric in metrics]


def differences(of: Scores, metrics: Sequence[str] = SHOWN) -> list[str]:
    """Cells: a mean difference with its interval and, where that leaves zero out, a word."""
    return [marked(metric, of.get(metric)) for metric in metrics]


def plain(of: Scores, metrics: Sequence[str] = SHOWN) -> dict[str, float | None]:
    """Columns for CSV, with all digits: ``psnr``, ``psnr_low``, ``psnr_high`` and so on."""
    ends = (("", "mean"), ("_low", "low"), ("_high", "high"))
    return {f"{metric}{suffix}": of.get(metric, {}).get(key) for metric in metrics for suffix, key in ends}


def training_table(trainings: Mapping[str, Mapping[str, Any]]) -> str:
    """What each training of ``nirgan.reporting.series.train_once`` came to, by name."""
    columns = ["model", "steps", "crops seen", "seconds", "parameters", "with what it trains beside"]
    keys = ("steps", "images", "seconds", "parameters", "parameters_trained")
    return markdown_table(columns, [[name, *(f"{of[key]:,}" for key in keys)] for name, of in trainings.items()])


def conditions(trainings: Iterable[Mapping[str, Any]], summary: Mapping[str, Any]) -> str:
    """What all lines of a table have in common, from the settings of its trainings and one evaluation."""
    settings, *others = trainings
    limit = f"{settings['minutes']:g} minutes" if "minutes" in settings else f"{settings['steps']} steps"
    if any(other.get("steps") != settings.get("steps") for other in others):
        limit = "The steps below"
    of = "" if summary["split"] == "all" else f" of the {summary['split']} split"
    return (
        f"{limit} of training each, preset {settings['preset']}, seed {settings['seed']}. "
        f"Protocol {summary['protocol']} on {summary['count']} pictures{of} (hash {summary['data']['hash']}): "
        "mean and 95 % interval.\n"
    )
