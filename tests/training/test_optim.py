"""Learning rates by hand, overrides, and what an optimiser is built from."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from nirgan.config.schema import OptimiserOverride
from nirgan.models.recipe import Optimiser, Schedule
from nirgan.training.optim import build_optimiser, override, rate_factor


@pytest.mark.parametrize(
    ("schedule", "progress", "step", "factor"),
    [
        (Schedule(), 0.9, 90, 1.0),
        (Schedule("linear"), 0.0, 0, 1.0),
        (Schedule("linear"), 0.25, 25, 0.75),
        (Schedule("linear"), 1.0, 100, 0.0),
        (Schedule("linear", hold=0.5), 0.5, 50, 1.0),
        (Schedule("linear", hold=0.5), 0.75, 75, 0.5),
        (Schedule("linear", hold=0.5, final=0.2), 0.75, 75, 0.6),
        (Schedule("cosine"), 0.5, 50, 0.5),
        (Schedule("cosine"), 0.25, 25, (1 + math.cos(math.pi / 4)) / 2),
        (Schedule("cosine", final=0.1), 1.0, 100, 0.1),
        (Schedule("steps", factor=0.5, parts=10), 0.0999, 99, 1.0),
        (Schedule("steps", factor=0.5, parts=10), 0.3, 300, 0.125),
        (Schedule("steps", factor=0.5, parts=10), 1.0, 1000, 0.5**9),
        (Schedule("steps", hold=0.5, factor=0.1, parts=2), 0.75, 75, 0.1),
        (Schedule(warmup_steps=4), 0.0, 0, 0.25),
        (Schedule(warmup_steps=4), 0.02, 2, 0.75),
        (Schedule(warmup_steps=4), 0.04, 4, 1.0),
        (Schedule("linear", warmup_steps=10), 0.04, 4, 0.5 * 0.96),
        (Schedule("linear", hold=1.0), 1.0, 100, 1.0),
        (Schedule(scale=0.1), 0.9, 90, 0.1),
        (Schedule("cosine", warmup_steps=100, scale=0.1), 0.5, 49, 0.1 * 0.5 * 0.5),
    ],
)
def test_rate_factor(schedule: Schedule, progress: float, step: int, factor: float) -> None:
    assert rate_factor(schedule, progress, step) == pytest.approx(factor)


def test_later_overrides_win_and_the_rest_stays() -> None:
    own = Optimiser(lr=1e-3, betas=(0.5, 0.9), schedule=Schedule("linear", hold=0.3, final=0.05))
    settings = override(
        own, OptimiserOverride(lr=1.0, beta1=0.0, warmup_steps=7), OptimiserOverride(lr=2.0, schedule="cosine")
    )
    assert settings == Optimiser(lr=2.0, betas=(0.0, 0.9), schedule=Schedule("cosine", 0.3, 0.05, 7))


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_fused_equals_plain(name: str, kind: type) -> None:
    nets = [nn.Linear(3, 2), nn.Linear(3, 2)]
    nets[1].load_state_dict(nets[0].state_dict())
    for fused, net in zip((True, False), nets, strict=True):
        settings = Optimiser(name, lr=0.1, betas=(0.5, 0.9), weight_decay=0.1)  # type: ignore[arg-type]
        optimiser = build_optimiser(net.parameters(), settings, fused=fused)
        assert type(optimiser) is kind
        assert bool(optimiser.defaults["fused"]) is fused
        for _ in range(3):
            net(torch.ones(1, 3)).square().sum().backward()
            optimiser.step()
            optimiser.zero_grad()
    torch.testing.assert_close(nets[0].state_dict(), nets[1].state_dict())


def test_sgd_takes_its_momentum_from_the_betas() -> None:
    optimiser = build_optimiser([nn.Parameter(torch.ones(1))], Optimiser("sgd", betas=(0.7, 0.9)), fused=False)
    assert optimiser.defaults["momentum"] == 0.7


def test_adadelta_by_hand() -> None:
    """Zeiler 2012, algorithm 1, with rho from the second of the betas and torch's epsilon of 1e-6."""
    weight = nn.Parameter(torch.tensor([1.0]))
    optimiser = build_optimiser([weight], Optimiser("adadelta", lr=1.0, betas=(0.5, 0.8)), fused=True)
    x, squares, deltas = 1.0, 0.0, 0.0
    for _ in range(3):
        weight.square().sum().backward()
        optimiser.step()
        optimiser.zero_grad()
        gradient = 2 * x
        squares = 0.8 * squares + 0.2 * gradient**2
        change = -math.sqrt(deltas + 1e-6) / math.sqrt(squares + 1e-6) * gradient
        deltas = 0.8 * deltas + 0.2 * change**2
        x += change
    assert float(weight.detach()) == pytest.approx(x, abs=1e-6)
    assert x < 0.995
