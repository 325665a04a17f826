"""Scores of pictures against the truth; the protocol that fixes them is ``nirgan.metrics.protocol``."""

from nirgan.metrics.aggregate import aggregate, paired_difference
from nirgan.metrics.angular_error import angular_error, dark_share
from nirgan.metrics.catalogue import METRICS, Metric, is_better
from nirgan.metrics.colourfulness import colourfulness, colourfulness_gap
from nirgan.metrics.delta_e import ciede2000, delta_e_2000
from nirgan.metrics.psnr import best_gain, psnr, psnr_gain
from nirgan.metrics.quantise import to_8_bit
from nirgan.metrics.score import score_picture
from nirgan.metrics.ssim import ssim

__all__ = [
    "METRICS",
    "Metric",
    "aggregate",
    "angular_error",
    "best_gain",
    "ciede2000",
    "colourfulness",
    "colourfulness_gap",
    "dark_share",
    "delta_e_2000",
    "is_better",
    "paired_difference",
    "psnr",
    "psnr_gain",
    "score_picture",
    "ssim",
    "to_8_bit",
]
