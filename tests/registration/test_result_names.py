"""Where results go: names whose first folder is the category."""

from __future__ import annotations

import pytest

from nirgan.data.index import Record
from nirgan.registration.align_pairs import result_name


@pytest.mark.parametrize(
    ("name", "category", "expected"),
    [
        ("0001", "", "0001"),
        ("country/0001", "country", "country/0001"),
        ("country/near/0001", "country", "country/near/0001"),
        ("country_0001", "country", "country/country_0001"),
        ("train/0001", "", "train_0001"),
        ("train/0001", "urban", "urban/train_0001"),
        ("0001", "../away", "__away/0001"),
        ("0001", "a/b", "a_b/0001"),
    ],
)
def test_categories_survive(name: str, category: str, expected: str) -> None:
    assert result_name(Record("set", name, None, None, category=category)) == expected
