"""The scores of one picture that need no more than its truth, and LPIPS."""

from __future__ import annotations

from torch import Tensor

from nirgan.errors import NirganError
from nirgan.metrics.catalogue import METRICS, Score
from nirgan.metrics.quantise import to_8_bit


def score_picture(output: Tensor, target: Tensor, *, lpips: Score | None = None) -> dict[str, float]:
    """Score an output against the truth, both as the 8-bit pictures that a user would see.

    Args:
        output: (3, H, W) sRGB; clipped to [0, 1] and rounded to 8 bits first.
        target: (3, H, W), treated alike.
        lpips: From ``nirgan.metrics.lpips.load_lpips``; without it that metric is left out.

    Returns:
        Score by metric, in the order of ``METRICS``. PSNR is infinite for equal pictures; SSIM is NaN where a side is
        under 11 pixels.

    Raises:
        NirganError: if the two are not RGB pictures of one size.
    """
    if output.shape != target.shape or output.ndim != 3 or len(output) != 3:
        raise NirganError(
            f"output {tuple(output.shape)} and truth {tuple(target.shape)} must both be (3, H, W); "
            "scores compare pixel with pixel, nothing is resized"
        )
    x, y = to_8_bit(output).unsqueeze(0), to_8_bit(target).unsqueeze(0)
    scores = {name: metric.score for name, metric in METRICS.items()} | {"lpips": lpips}
    return {name: float(score(x, y)) for name, score in scores.items() if score is not None}
