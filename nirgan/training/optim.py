"""Optimisers of phases, and their learning rates by step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from nirgan.config.schema import OptimiserOverride
from nirgan.models.recipe import Optimiser, Schedule

_ROUNDING = 1e-9
"""So that the step at which a part ends is not missed by a division's last bit."""


def override(own: Optimiser, *overrides: OptimiserOverride) -> Optimiser:
    """A phase's own settings with the run's put over them, later ones winning."""
    settings = own
    for given in overrides:
        values = {name: value for name, value in given.model_dump().items() if value is not None}
        schedule: dict[str, Any] = {key: values.pop(key) for key in ("hold", "warmup_steps") if key in values}
        if "schedule" in values:
            schedule["name"] = values.pop("schedule")
        betas = (values.pop("beta1", settings.betas[0]), values.pop("beta2", settings.betas[1]))
        settings = replace(settings, betas=betas, schedule=replace(settings.schedule, **schedule), **values)
    return settings


def build_optimiser(
    parameters: Iterable[nn.Parameter], settings: Optimiser, *, fused: bool, foreach: bool | None = None
) -> torch.optim.Optimizer:
    """The optimiser that the settings describe, fused where it can be."""
    common: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay, "foreach": foreach}
    if settings.name == "adadelta":  # torch has it in one form alone
        return torch.optim.Adadelta(parameters, rho=settings.betas[1], **common)
    common["fused"] = fused or None
    if settings.name == "sgd":
        return torch.optim.SGD(parameters, momentum=settings.betas[0], **common)
    build = torch.optim.AdamW if settings.name == "adamw" else torch.optim.Adam
    return build(parameters, betas=settings.betas, **common)


def rate_factor(schedule: Schedule, progress: float, step: int) -> float:
    """Factor on the learning rate.

    Args:
        schedule: The phase's.
        progress: Share of the stage that is done, 0 to 1.
        step: Steps done in the stage; the warm-up rises over ``warmup_steps`` of them, the first at 1/warmup_steps.
    """
    warmup = min(1.0, (step + 1) / schedule.warmup_steps) if schedule.warmup_steps else 1.0
    full = schedule.scale * warmup
    if schedule.name == "constant" or progress <= schedule.hold:
        return full
    decayed = (progress - schedule.hold) / (1 - schedule.hold)  # 0 where decay begins, 1 at the end
    if schedule.name == "steps":
        return full * schedule.factor ** min(math.floor(decayed * schedule.parts + _ROUNDING), schedule.parts - 1)
    if schedule.name == "cosine":
        decayed = (1 - math.cos(math.pi * decayed)) / 2
    return full * (1 + (schedule.final - 1) * decayed)


def optimiser_state(optimiser: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """State per parameter, in their order; rates and betas follow from the settings and are not part of it."""
    state = optimiser.state_dict()["state"]
    count = sum(len(group["params"]) for group in optimiser.param_groups)
    return [dict(state.get(index, {})) for index in range(count)]


def load_optimiser_state(optimiser: torch.optim.Optimizer, state: list[dict[str, Any]]) -> None:
    """Put ``optimiser_state`` back.

    Moments are laid out as their parameter: fused CPU optimisers go through memory in order and would pair a
    channels-last weight with the wrong moments of a contiguous one.
    """
    whole = optimiser.state_dict()
    whole["state"] = {index: entry for index, entry in enumerate(state) if entry}
    optimiser.load_state_dict(whole)
    for parameter, entry in optimiser.state.items():
        for name, value in entry.items():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape and value.ndim > 0:
                entry[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
