"""A trainer in a few lines, which knows the recipes' contract and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor

from nirgan.models.recipe import At, Recipe

TrainStep = Callable[[Recipe, Mapping[str, Any], int], dict[str, float]]


def at_step(step: int = 0) -> At:
    return At(step, 0, step, 0.0, "train", torch.Generator().manual_seed(step))


def rgb_batch(size: int, side: int, *, seed: int = 0) -> dict[str, Any]:
    """Smooth random colours; the source is a fixed mixture of them."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(size, 3, 4, 4, generator=generator)
    target = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    source = (target * torch.tensor([0.1, 0.2, 0.7]).view(3, 1, 1)).sum(1, keepdim=True)
    return {"source": source, "target": target, "view": "image", "keys": [str(n) for n in range(size)]}


@pytest.fixture
def at() -> At:
    return at_step()


@pytest.fixture
def batch() -> Callable[..., dict[str, Any]]:
    return rgb_batch


@pytest.fixture
def phase_values() -> Callable[..., dict[str, Tensor]]:
    """Terms of one phase by name, unweighted."""

    def values(recipe: Recipe, phase: str, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        at = at_step()
        views = {**batch, **recipe(batch, at)}
        views |= recipe.phase_views(phase, views, at)
        return {term.name: term.fn(views) for term in recipe.terms(phase, at) if term.active(at.step)}

    return values


@pytest.fixture
def train_step() -> TrainStep:
    """Runs every phase of the first stage once, at ten times the papers' rate; returns unweighted ``phase/term``."""
    optimisers: dict[str, torch.optim.Optimizer] = {}

    def run(recipe: Recipe, batch: Mapping[str, Any], step: int) -> dict[str, float]:
        at, logs = at_step(step), {}
        recipe.requires_grad_(True)
        views = {**batch, **recipe(batch, at)}
        for phase in recipe.stages[0].phases:
            trained = [p for path in phase.trains for p in recipe.network(path).parameters()]
            recipe.requires_grad_(False)
            for parameter in trained:
                parameter.requires_grad_(True)
            if phase.name not in optimisers:
                optimisers[phase.name] = torch.optim.Adam(
                    trained, lr=10 * phase.optimiser.lr, betas=phase.optimiser.betas
                )
            seen = views | recipe.phase_views(phase.name, views, at)
            terms = [term for term in recipe.terms(phase.name, at) if term.active(step)]
            losses = {term.name: term.fn(seen) for term in terms}
            total = torch.stack([term.weight * losses[term.name] for term in terms]).sum()
            optimisers[phase.name].zero_grad()
            total.backward(retain_graph=True)
            optimisers[phase.name].step()
            logs |= {f"{phase.name}/{name}": float(value.detach()) for name, value in losses.items()}
        return logs

    return run
