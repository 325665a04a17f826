from __future__ import annotations

import pytest
import torch

from nirgan.layers.affine import coefficient_count, local_affine


@pytest.mark.parametrize(("channels", "out"), [(1, 3), (3, 1), (4, 3), (1, 2)])
def test_it_is_one_affine_function_per_pixel(channels: int, out: int) -> None:
    torch.manual_seed(0)
    source = torch.randn(2, channels, 4, 5)
    coefficients = torch.randn(2, coefficient_count(channels, out), 4, 5)
    drawn = local_affine(coefficients, source, start=0.5)
    assert drawn.shape == (2, out, 4, 5)
    offset, gains = coefficients[1, :out, 2, 3], coefficients[1, out:, 2, 3].reshape(out, channels)
    expected = offset + (gains + 0.5 / channels) @ source[1, :, 2, 3]
    assert torch.allclose(drawn[1, :, 2, 3], expected, atol=1e-6)


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_without_coefficients_it_is_the_mean_of_the_source(start: float) -> None:
    source = torch.randn(1, 3, 4, 5)
    drawn = local_affine(torch.zeros(1, 8, 4, 5), source, start=start)
    assert torch.allclose(drawn, start * source.mean(dim=1, keepdim=True).expand(-1, 2, -1, -1), atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_small_gains_count_in_half_precision(dtype: torch.dtype) -> None:
    coefficients = torch.tensor([0.0, 0.003], dtype=dtype).view(1, 2, 1, 1)  # an offset and a gain
    drawn = local_affine(coefficients, torch.ones(1, 1, 1, 1), start=1.0)
    assert drawn.item() == pytest.approx(1.003, abs=1e-5)
