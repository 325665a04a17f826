"""Every metric against an independent implementation, and against cases worked by hand."""

from __future__ import annotations

import importlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from pytorch_msssim import ssim as msssim_ssim
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor
from torchmetrics.functional.image import spectral_angle_mapper

from nirgan.metrics import (
    angular_error,
    best_gain,
    ciede2000,
    colourfulness,
    colourfulness_gap,
    dark_share,
    delta_e_2000,
    psnr,
    psnr_gain,
    ssim,
)
from nirgan.metrics.catalogue import METRICS, Score

WITHOUT_WEIGHTS = [name for name, metric in METRICS.items() if metric.score is not None]


@pytest.fixture
def pair() -> tuple[Tensor, Tensor]:
    """Three smooth pictures, no multiple of anything, and noisy copies; float64."""
    draw = torch.Generator().manual_seed(3)
    target = torch.nn.functional.interpolate(
        torch.rand(3, 3, 6, 7, generator=draw, dtype=torch.float64), size=(37, 45), mode="bicubic"
    ).clamp(0.02, 1)
    noise = 0.1 * torch.randn(target.shape, generator=draw, dtype=torch.float64)
    return (target + noise).clamp(0.01, 1), target


def flat(*colours: tuple[float, float, float], side: int = 4) -> Tensor:
    """One picture whose rows are split evenly between the colours."""
    rows = [torch.tensor(c, dtype=torch.float64).view(3, 1, 1).expand(3, side, 2 * side) for c in colours]
    return torch.cat(rows, dim=1).unsqueeze(0)


def by_hand(picture: Tensor) -> np.ndarray:
    return picture.permute(1, 2, 0).numpy()


def test_psnr_matches_scikit_image_picture_by_picture(pair: tuple[Tensor, Tensor]) -> None:
    expected = [peak_signal_noise_ratio(by_hand(t), by_hand(o), data_range=1) for o, t in zip(*pair, strict=True)]
    assert psnr(*pair).tolist() == pytest.approx(expected, abs=1e-5)


def test_psnr_of_known_cases() -> None:
    black = torch.zeros(1, 3, 8, 8)
    assert psnr(black, black + 0.1).item() == pytest.approx(20.0, abs=1e-5)
    assert psnr(black, black).item() == float("inf")


def test_gain_is_the_least_squares_one(pair: tuple[Tensor, Tensor]) -> None:
    output, target = pair
    for index in range(len(output)):
        expected = np.linalg.lstsq(output[index].reshape(-1, 1).numpy(), target[index].reshape(-1).numpy())[0][0]
        assert best_gain(output, target)[index].item() == pytest.approx(expected, rel=1e-12)


def test_psnr_gain_takes_exposure_out_and_nothing_else(pair: tuple[Tensor, Tensor]) -> None:
    _, target = pair
    assert (psnr_gain(0.4 * target, target) > 100).all()
    assert psnr_gain(torch.zeros_like(target), target).tolist() == psnr(torch.zeros_like(target), target).tolist()


def test_psnr_gain_clips_after_the_gain() -> None:
    # Worked by hand: g = (0.2·1 + 1·1) / (0.04 + 1) = 1.153846; 0.2 g = 0.230769, g clipped to 1; MSE = 0.769231² / 2.
    output, target = flat((0.2, 0.2, 0.2), (1, 1, 1)), flat((1, 1, 1), (1, 1, 1))
    assert psnr_gain(output, target).item() == pytest.approx(10 * np.log10(2 / 0.769231**2), abs=1e-5)


def test_ssim_matches_scikit_image_and_pytorch_msssim(pair: tuple[Tensor, Tensor]) -> None:
    output, target = pair
    maps = [
        structural_similarity(
            by_hand(t),
            by_hand(o),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1,
            channel_axis=-1,
            full=True,
        )[1][5:-5, 5:-5]
        for o, t in zip(output, target, strict=True)
    ]
    assert ssim(output, target).tolist() == pytest.approx([m.mean() for m in maps], abs=1e-9)
    other = msssim_ssim(output.float(), target.float(), data_range=1, size_average=False)
    assert ssim(output, target).tolist() == pytest.approx(other.tolist(), abs=1e-4)


def test_ssim_of_itself_is_one_and_of_tiny_pictures_does_not_exist(pair: tuple[Tensor, Tensor]) -> None:
    _, target = pair
    assert ssim(target, target).tolist() == [1.0] * 3
    assert ssim(target[..., :11, :11], target[..., :11, :11]).tolist() == [1.0] * 3
    assert ssim(target[..., :10, :], target[..., :10, :]).isnan().all()


def test_angular_error_matches_torchmetrics_where_no_pixel_is_black(pair: tuple[Tensor, Tensor]) -> None:
    expected = torch.rad2deg(spectral_angle_mapper(*pair, reduction="none").mean(dim=(1, 2)))
    assert angular_error(*pair).tolist() == pytest.approx(expected.tolist(), abs=1e-5)


def test_angular_error_of_known_cases() -> None:
    red, green, black = flat((1, 0, 0)), flat((0, 1, 0)), flat((0, 0, 0))
    assert angular_error(red, green).item() == pytest.approx(90)
    assert angular_error(flat((0.2, 0.2, 0.2)), flat((0.8, 0.8, 0.8))).item() == pytest.approx(0, abs=1e-12)
    nearly_black = flat((1 / 255, 1 / 255, 1 / 255))
    assert angular_error(nearly_black, nearly_black).item() == pytest.approx(0, abs=1e-12)  # 11.8° with the usual ε
    assert angular_error(black, red).item() == 0
    assert dark_share(black, red).item() == 1
    half = torch.cat([black, red], dim=2)
    assert angular_error(half, torch.cat([green, green], dim=2)).item() == pytest.approx(45)
    assert dark_share(half, torch.cat([green, green], dim=2)).item() == 0.5


def test_colourfulness_of_known_cases() -> None:
    # Half red, half green: rg is ±255, yb 127.5 everywhere; M = 255 + 0.3 · 127.5.
    assert colourfulness(flat((1, 0, 0), (0, 1, 0))).item() == pytest.approx(293.25)
    assert colourfulness(flat((0.3, 0.3, 0.3), (0.9, 0.9, 0.9))).item() == pytest.approx(0, abs=1e-9)
    assert colourfulness_gap(flat((0.3, 0.3, 0.3)), flat((1, 0, 0))).item() < 0


def test_colourfulness_keeps_signs(pair: tuple[Tensor, Tensor]) -> None:
    for index, value in enumerate(colourfulness(pair[0]).tolist()):
        r, g, b = (pair[0][index].numpy() * 255).reshape(3, -1)
        rg, yb = r - g, 0.5 * (r + g) - b
        assert value == pytest.approx(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [  # Sharma, Wu and Dalal's test data
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_ciede2000_of_published_vectors(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    value = ciede2000(torch.tensor([first], dtype=torch.float64), torch.tensor([second], dtype=torch.float64))
    assert value.item() == pytest.approx(expected, abs=5e-5)


def test_ciede2000_matches_scikit_image_on_random_colours_and_greys() -> None:
    draw = torch.Generator().manual_seed(0)
    low, high = torch.tensor([0.0, -110, -110]).double(), torch.tensor([100.0, 110, 110]).double()
    x, y = (low + (high - low) * torch.rand(2, 20_000, 3, generator=draw, dtype=torch.float64)).unbind(0)
    x[:500, 1:] = 0  # a grey has no hue
    y[250:750, 1:] = 0
    np.testing.assert_allclose(ciede2000(x, y), deltaE_ciede2000(x.numpy(), y.numpy()), atol=1e-10)


def test_delta_e_of_pictures_matches_scikit_image(pair: tuple[Tensor, Tensor]) -> None:
    expected = [deltaE_ciede2000(rgb2lab(by_hand(t)), rgb2lab(by_hand(o))).mean() for o, t in zip(*pair, strict=True)]
    assert delta_e_2000(*pair).tolist() == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("name", WITHOUT_WEIGHTS)
def test_scores_do_not_depend_on_the_batch(name: str, pair: tuple[Tensor, Tensor]) -> None:
    score = METRICS[name].score
    assert score is not None
    whole = score(*pair)
    assert whole.shape == (3,)
    assert whole.dtype == torch.float64
    alone = [score(o[None], t[None]).item() for o, t in zip(*pair, strict=True)]
    assert whole.tolist() == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize(("name", "score"), [("ssim", ssim), ("delta_e", delta_e_2000)])
def test_large_pictures_are_scored_in_bands_that_change_nothing(
    name: str, score: Score, pair: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = score(*pair)
    monkeypatch.setattr(importlib.import_module(f"nirgan.metrics.{name}"), "_BAND", 5 * 45)
    assert score(*pair).tolist() == pytest.approx(whole.tolist(), rel=1e-12)


def test_real_pictures_score_as_scikit_image_scores_them(real_data: Path) -> None:
    for path in sorted((real_data / "nir-vcip" / "rgb").glob("*.png"))[:2]:
        truth = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        output = cv2.GaussianBlur(truth, (5, 5), 0)
        x, y = (torch.from_numpy(p).permute(2, 0, 1)[None] / 255 for p in (output, truth))
        assert psnr(x, y).item() == pytest.approx(peak_signal_noise_ratio(truth, output), abs=1e-4)
        expected = deltaE_ciede2000(rgb2lab(truth), rgb2lab(output)).mean()
        assert delta_e_2000(x, y).item() == pytest.approx(expected, abs=1e-3)
