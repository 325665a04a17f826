"""Scores of one picture: the 8-bit rounding, the names, which of two is better."""

from __future__ import annotations

import math

import pytest
import torch

from nirgan.errors import NirganError
from nirgan.metrics import METRICS, is_better, psnr, score_picture, to_8_bit


@pytest.fixture
def noisy() -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return torch.rand(3, 20, 24, generator=draw), torch.rand(3, 20, 24, generator=draw)


def test_levels_are_the_nearest_of_256_after_clipping() -> None:
    values = torch.tensor([-0.5, 0.0, 0.49 / 255, 0.51 / 255, 127.4 / 255, 254.6 / 255, 1.0, 1.7])
    assert (to_8_bit(values) * 255).round().tolist() == [0, 0, 0, 1, 127, 255, 255, 255]
    assert to_8_bit(values).dtype == torch.float64
    every_level = torch.arange(256) / 255
    assert torch.equal((to_8_bit(every_level) * 255).round().long(), torch.arange(256))


def test_every_score_is_of_the_8_bit_picture(noisy: tuple[torch.Tensor, torch.Tensor]) -> None:
    output, target = noisy
    written = to_8_bit(output).float()
    assert score_picture(output, target) == score_picture(written, to_8_bit(target).float())
    beyond = output * 1.5 - 0.25
    assert score_picture(beyond, target) == score_picture(beyond.clamp(0, 1), target)
    assert score_picture(output, target)["psnr"] != psnr(output[None], target[None]).item()


def test_names_are_the_metrics_that_two_pictures_give(noisy: tuple[torch.Tensor, torch.Tensor]) -> None:
    scores = score_picture(*noisy)
    assert list(scores) == [name for name, metric in METRICS.items() if metric.score]
    assert all(isinstance(value, float) for value in scores.values())
    with_lpips = score_picture(*noisy, lpips=lambda x, y: (x - y).abs().mean(dim=(1, 2, 3)))
    assert list(with_lpips) == [*scores, "lpips"]
    assert 0 < with_lpips["lpips"] < 1


def test_equal_pictures_and_tiny_pictures(noisy: tuple[torch.Tensor, torch.Tensor]) -> None:
    same = score_picture(noisy[0], noisy[0])
    assert same["psnr"] == math.inf
    assert (same["ssim"], same["delta_e"], same["colourfulness_gap"]) == (1, 0, 0)
    tiny = score_picture(noisy[0][:, :10, :], noisy[1][:, :10, :])
    assert math.isnan(tiny["ssim"])
    assert math.isfinite(tiny["psnr"])


def test_pictures_of_two_sizes_are_refused(noisy: tuple[torch.Tensor, torch.Tensor]) -> None:
    with pytest.raises(NirganError, match="nothing is resized"):
        score_picture(noisy[0], noisy[1][:, :-1])
    with pytest.raises(NirganError, match=r"\(3, H, W\)"):
        score_picture(noisy[0][:1], noisy[1][:1])


@pytest.mark.parametrize(
    ("metric", "new", "old", "expected"),
    [
        ("psnr", 20, 19, True),
        ("psnr", 19, 19, False),
        ("ssim", 0.5, 0.6, False),
        ("ae", 4, 5, True),
        ("delta_e", 11, 10, False),
        ("lpips", 0.2, 0.3, True),
        ("colourfulness_gap", -1, 3, True),
        ("colourfulness_gap", -4, 3, False),
        ("psnr", 20, math.nan, True),
        ("psnr", math.nan, 20, False),
        ("ae", math.nan, math.nan, False),
        ("psnr", math.inf, 60, True),
    ],
)
def test_better_scores(metric: str, new: float, old: float, expected: bool) -> None:
    assert is_better(metric, new, old) is expected


def test_questions_without_an_answer_are_refused() -> None:
    with pytest.raises(NirganError, match="did you mean 'psnr'"):
        is_better("psnrr", 1, 2)
    with pytest.raises(NirganError, match="colourfulness_gap"):
        is_better("colourfulness", 1, 2)
