from __future__ import annotations

from typing import Any, Literal

import pytest

from nirgan.errors import NirganError
from nirgan.models import create_model
from nirgan.models.options import Size, Weight, check_options
from nirgan.models.recipe import Recipe


class Many(Recipe):
    """Options of many kinds."""

    def __init__(
        self,
        *,
        task: str,
        source_channels: int,
        crop: int,
        width: Size = 4,
        weight: Weight = 1.0,
        norm: Literal["batch", "none"] = "none",
        levels: Size | None = None,
        channels: tuple[Size, ...] = (1, 2),
        free: Any = None,
    ) -> None: ...


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"width": 1, "weight": 0, "norm": "batch", "levels": None, "free": object()},
        {"weight": 0.5, "levels": 3},
        {"channels": [4, 8]},  # as YAML has it
        {"channels": (4,)},
    ],
)
def test_fitting_options_pass(options: dict[str, Any]) -> None:
    check_options("many", Many, options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 0}, "option 'width' is 0, but should be greater than or equal to 1"),
        ({"width": True}, "option 'width' is True, but should be a valid integer"),
        ({"width": 1.5}, "option 'width' is 1.5, but should be a valid integer"),
        ({"width": "8"}, "option 'width' is '8', but should be a valid integer"),
        ({"weight": -0.1}, "option 'weight' is -0.1, but should be greater than or equal to 0"),
        ({"weight": float("nan")}, "option 'weight' is nan, but should be a finite number"),
        ({"norm": "btach"}, "option 'norm' is 'btach', but should be 'batch' or 'none'"),
        ({"levels": 0}, "option 'levels' is 0, but should be greater than or equal to 1"),
        ({"channels": [4, -1]}, "option 'channels' is [4, -1], but should be greater than or equal to 1"),
        ({"channels": 4}, "option 'channels' is 4, but should be a valid tuple"),
        ({"widht": 4}, "has no option 'widht'; did you mean 'width'"),
        ({"crop": 4}, "has no option 'crop'"),
    ],
)
def test_others_are_named_with_what_they_should_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(NirganError) as error:
        check_options("many", Many, options)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("pix2pix", {"width": -8}),
        ("pix2pix", {"lambda_l1": -1.0}),
        ("asym-cyclegan", {"pool_size": -1}),
        ("asym-cyclegan", {"n_res": -1}),
        ("asym-cyclegan", {"lambda_cycle": -1.0}),
    ],
)
def test_recipes_refuse_what_they_cannot_build(model: str, options: dict[str, Any]) -> None:
    with pytest.raises(NirganError, match="should be greater"):
        create_model(model, **options)
