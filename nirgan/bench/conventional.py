"""A training step as common GAN codes do it, for any recipe: the same networks, terms and batch, none of the craft."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MethodType
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.layers.norm import InstanceNorm2d
from nirgan.layers.upsample import ResizeConv2d
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Stage, Term, Views
from nirgan.training.optim import build_optimiser
from nirgan.training.stage import train_mode
from nirgan.training.step import trained_parameters

Habit = Literal["naive", "reference"]
"""``naive``: each phase runs the networks anew, and all that the stage trains gets gradient in each of them.
``reference``: what the phases share is made once a step, and what a phase does not train is frozen, as in the codes
that papers come with."""


class ConventionalStep:
    """Trains in float32, contiguous memory, eagerly, with optimisers that go through the weights one by one.

    No moving average, no schedule, no gradient norm; layers as torch has them (``plain_layers``). It reads the recipe's
    contract alone: ``forward``, ``phase_views``, ``terms``.

    Args:
        recipe: A copy of its own, as built; changed.
        stage: Of the recipe.
        settings: Of a phase's optimiser.
        device: Where to train.
        habit: See ``Habit``.
    """

    def __init__(
        self,
        recipe: Recipe,
        stage: Stage,
        settings: Callable[[Phase], Optimiser],
        device: torch.device,
        habit: Habit,
    ) -> None:
        self._recipe = plain_layers(recipe.to(device))
        train_mode(recipe, stage)
        self._stage, self._device, self._once = stage, device, habit == "reference"
        self._parameters = {phase.name: trained_parameters(recipe, phase) for phase in stage.phases}
        self._optimisers = {
            phase.name: plain_optimiser(self._parameters[phase.name], settings(phase)) for phase in stage.phases
        }

    def run(self, batch: Mapping[str, Any], at: At) -> dict[str, Tensor]:
        """One step; unweighted losses by ``<phase>/<term>``."""
        batch = {name: value.to(self._device) if isinstance(value, Tensor) else value for name, value in batch.items()}
        running = [(phase, terms) for phase in self._stage.phases if (terms := self._active(phase, at))]
        _train_only(self._recipe, [p for phase, _ in running for p in self._parameters[phase.name]])
        shared = {**batch, **self._recipe(batch, at)} if self._once and running else {}
        losses: dict[str, Tensor] = {}
        for phase, terms in running:
            if self._once:
                _train_only(self._recipe, self._parameters[phase.name])
            views = shared if self._once else {**batch, **self._recipe(batch, at)}
            last = not self._once or phase is running[-1][0]
            values = self._update(phase, terms, views, at, retain_graph=not last)
            losses |= {f"{phase.name}/{name}": value for name, value in values.items()}
        return losses

    def _active(self, phase: Phase, at: At) -> list[Term]:
        return [term for term in self._recipe.terms(phase.name, at) if term.active(at.step)] if phase.when(at) else []

    def _update(
        self, phase: Phase, terms: Sequence[Term], views: Views, at: At, *, retain_graph: bool
    ) -> dict[str, Tensor]:
        seen = {**views, **self._recipe.phase_views(phase.name, views, at)}
        values = {term.name: term.fn(seen) for term in terms}
        total = torch.stack([term.weight * term.every * values[term.name] for term in terms]).sum()
        optimiser = self._optimisers[phase.name]
        optimiser.zero_grad()
        total.backward(retain_graph=retain_graph)
        optimiser.step()
        return {name: value.detach() for name, value in values.items()}


def plain_layers(recipe: Recipe) -> Recipe:
    """Let nirgan's layers compute as the ones of torch that they equal; returns the recipe."""
    for module in recipe.modules():
        for kind, plain in _PLAIN.items():
            if isinstance(module, kind):
                module.forward = MethodType(plain, module)  # type: ignore[method-assign]
    return recipe


def _enlarged_then_convolved(layer: ResizeConv2d, input: Tensor) -> Tensor:
    enlarged = F.interpolate(input, scale_factor=2, mode="nearest")
    return F.conv2d(F.pad(enlarged, (1, 1, 1, 1), mode="reflect"), layer.weight, layer.bias)


_PLAIN: dict[type[nn.Module], Callable[..., Tensor]] = {
    InstanceNorm2d: nn.InstanceNorm2d.forward,
    ResizeConv2d: _enlarged_then_convolved,
}


def plain_optimiser(parameters: Sequence[nn.Parameter], settings: Optimiser) -> torch.optim.Optimizer:
    """The optimiser of the settings, neither fused nor over all weights at once."""
    return build_optimiser(parameters, settings, fused=False, foreach=False)


def _train_only(recipe: Recipe, parameters: Sequence[nn.Parameter]) -> None:
    recipe.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
