"""What is scored, in which unit, and which of two scores is the better one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from nirgan.errors import NirganError, nearest
from nirgan.metrics.angular_error import angular_error
from nirgan.metrics.colourfulness import colourfulness, colourfulness_gap
from nirgan.metrics.delta_e import delta_e_2000
from nirgan.metrics.psnr import psnr, psnr_gain
from nirgan.metrics.ssim import ssim

Better = Literal["higher", "lower", "near zero", "near truth"]
Score = Callable[[Tensor, Tensor], Tensor]
"""From output and truth (N,3,H,W) in [0, 1] to (N,) float64."""
GIVEN_LIGHTNESS: tuple[str, ...] = ("gray2rgb",)
"""Scores of colour alone say little where lightness has to be made, too."""


@dataclass(frozen=True)
class Metric:
    """One column of every table.

    Attributes:
        name: As in files and options.
        better: Where good scores lie. ``near truth``: near the truth's own value, which each picture has its own of.
        unit: Of the score, empty for a plain number.
        words: What it says, for people.
        score: None for a metric that needs more than two pictures: weights, bins, all of a set.
        tasks: Of which it says something.
    """

    name: str
    better: Better
    unit: str
    words: str
    score: Score | None
    tasks: tuple[str, ...] = ("nir2rgb", "gray2rgb")


def _of_output(output: Tensor, target: Tensor) -> Tensor:
    return colourfulness(output)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("psnr", "higher", "dB", "peak signal-to-noise ratio", psnr),
        Metric("psnr_gain", "higher", "dB", "PSNR after the best gain: exposure taken out", psnr_gain),
        Metric("ssim", "higher", "", "structural similarity", ssim),
        Metric("ae", "lower", "°", "angle between colours", angular_error),
        Metric("delta_e", "lower", "ΔE2000", "visible colour difference", delta_e_2000),
        Metric("colourfulness", "near truth", "", "colourfulness of the output", _of_output),
        Metric("colourfulness_gap", "near zero", "", "colourfulness, output minus truth", colourfulness_gap),
        Metric("lpips", "lower", "", "distance of deep features (AlexNet)", None),
        Metric("auc", "higher", "%", "area under the curve of errors in a and b", None, GIVEN_LIGHTNESS),
        Metric("auc_rebalanced", "higher", "%", "the same, each colour counting alike", None, GIVEN_LIGHTNESS),
        Metric("acc1", "higher", "%", "true bin of colour named", None, GIVEN_LIGHTNESS),
        Metric("acc5", "higher", "%", "true bin among the first five", None, GIVEN_LIGHTNESS),
        Metric("interpretability", "higher", "%", "recognised by a classifier (VGG-16)", None, GIVEN_LIGHTNESS),
    )
}
"""Every metric by name, in the order of tables."""


def is_scored(metric: str, task: str) -> bool:
    """Whether a metric is scored for a task; of one that is not known here nobody can say it is not."""
    return metric not in METRICS or task in METRICS[metric].tasks


def is_better(metric: str, new: float, old: float) -> bool:
    """Whether a new score beats an old one; a number beats NaN, and NaN beats nothing.

    Raises:
        NirganError: for an unknown metric, or one that only says something beside the truth's own value.
    """
    if metric not in METRICS:
        raise NirganError(f"unknown metric '{metric}'{nearest(metric, METRICS)} (there are: {', '.join(METRICS)})")
    better = METRICS[metric].better
    if better == "near truth":
        raise NirganError(f"'{metric}' has no better or worse by itself; choose by '{metric}_gap'")
    if math.isnan(new) or math.isnan(old):
        return math.isnan(old) and not math.isnan(new)
    if better == "higher":
        return new > old
    return new < old if better == "lower" else abs(new) < abs(old)
