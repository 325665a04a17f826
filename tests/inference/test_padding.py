from __future__ import annotations

import pytest
import torch

from nirgan.inference.padding import reflect_to
from nirgan.layers.reach import round_up


def test_agrees_with_torch_where_torch_can() -> None:
    picture = torch.rand(2, 5, 7)
    expected = torch.nn.functional.pad(picture, (0, 6, 0, 4), mode="reflect")
    assert torch.equal(reflect_to(picture, 9, 13), expected)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ([5.0], [5, 5, 5, 5, 5, 5, 5]),
        ([1.0, 2.0], [1, 2, 1, 2, 1, 2, 1]),
        ([1.0, 2.0, 3.0], [1, 2, 3, 2, 1, 2, 3]),
    ],
)
def test_small_pictures_bounce(row: list[float], expected: list[float]) -> None:
    assert reflect_to(torch.tensor([[row]]), 1, 7).flatten().tolist() == expected


def test_round_up() -> None:
    assert [round_up(n, 4) for n in (1, 4, 5)] == [4, 4, 8]
