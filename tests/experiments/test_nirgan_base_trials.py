"""The trials of nirgan-base: each is a run that can be built, and differs from the twin in something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from nirgan.config import RunConfig, resolve_config
from nirgan.models import create_model
from nirgan.reporting.series import settings_of

FOLDER = Path(__file__).parents[2] / "experiments" / "nirgan-base"
AT_LEAST = {"trials": 6, "wider": 6, "committees": 4}
COMMON: dict[str, Any] = {"preset": "small", "data": [], "seed": 0}


def configs_in(folder: str) -> dict[str, RunConfig]:
    files = sorted((FOLDER / folder).glob("*.yaml"))
    given = settings_of([str(path) for path in files], COMMON, minutes=1.0)
    return {name: resolve_config(settings, where=name) for name, settings in given.items()}


@pytest.fixture(scope="module", params=list(AT_LEAST))
def configs(request: pytest.FixtureRequest) -> dict[str, RunConfig]:
    found = configs_in(request.param)
    assert len(found) >= AT_LEAST[request.param]
    return found


def test_every_trial_is_a_run_and_can_be_built(configs: dict[str, RunConfig]) -> None:
    for config in configs.values():
        with torch.device("meta"):
            create_model(config.model, task=config.task, crop=config.crop, **config.options)


def test_a_trial_differs_from_all_others_in_something(configs: dict[str, RunConfig]) -> None:
    resolved = list(configs.values())
    assert all(one != other for n, one in enumerate(resolved) for other in resolved[:n])


def test_the_twin_has_l1_and_ssim_alone() -> None:
    configs = configs_in("trials")
    weights = {name: value for name, value in configs["twin"].options.items() if name.startswith("lambda_")}
    assert {name for name, value in weights.items() if value} == {"lambda_l1", "lambda_ssim"}
