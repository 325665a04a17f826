"""One training step: run a stage's phases, whatever the recipe is.

For every phase that runs: its own views, its terms in float32, backward, one averaged gradient over all processes and
micro-batches, the optimiser. Losses stay on the device; nothing here waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Term, Views
from nirgan.training.optim import build_optimiser, load_optimiser_state, optimiser_state, rate_factor
from nirgan.training.runtime import Runtime
from nirgan.training.trouble import separations


class TermViews(dict[str, Any]):
    """A step's views as terms see them: low-precision tensors become float32 when they are first asked for."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        widened = _float32(value)
        if widened is not value:
            self[name] = widened
        return widened

    def get(self, name: str, default: Any = None) -> Any:
        """As in any dict, in float32."""
        return self[name] if name in self else default  # noqa: SIM401  # dict.get would not widen

    def items(self) -> Any:
        """As in any dict, in float32."""
        return {name: self[name] for name in self}.items()

    def values(self) -> Any:
        """As in any dict, in float32."""
        return {name: self[name] for name in self}.values()


class PhaseUpdate:
    """What belongs to one phase while its stage lasts: parameters, optimiser, scaler, the buffer for its gradients.

    Attributes:
        phase: As the recipe states it.
        settings: The optimiser's, with the run's overrides.
        parameters: Exactly those that ``phase.trains`` names, each once.
    """

    def __init__(self, recipe: Recipe, phase: Phase, settings: Optimiser, runtime: Runtime, clip: float = 0.0) -> None:
        self.phase = phase
        self.settings = settings
        self.parameters = trained_parameters(recipe, phase)
        self.optimiser = build_optimiser(self.parameters, settings, fused=runtime.fused)
        self._scaler = runtime.scaler()
        self._runtime = runtime
        self._clip = clip
        self._flat: Tensor | None = None
        self._views: list[Tensor] = []

    @property
    def rate(self) -> float:
        """Learning rate of the last step."""
        return float(self.optimiser.param_groups[0]["lr"])

    def set_rate(self, progress: float, step: int) -> None:
        """Follow the schedule; ``step`` counts within the stage."""
        rate = self.settings.lr * rate_factor(self.settings.schedule, progress, step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def backward(self, total: Tensor, *, retain_graph: bool) -> None:
        """Add the gradient of one micro-batch's loss to the phase's own parameters and to no others."""
        if not total.requires_grad:
            trained = ", ".join(self.phase.trains)
            raise NirganError(f"phase '{self.phase.name}': none of its terms depends on what it trains ({trained})")
        scaled = total if self._scaler is None else self._scaler.scale(total)
        scaled.backward(inputs=self.parameters, retain_graph=retain_graph)

    def update(self, *, with_norm: bool) -> Tensor | None:
        """Average the gradients over processes and step the optimiser; returns the gradients' norm if it is wanted."""
        self._average_gradients()
        if self._scaler is not None:
            self._scaler.unscale_(self.optimiser)
        norm = None
        if with_norm or self._clip:
            gradients = [p.grad for p in self.parameters if p.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients)
            if self._clip:
                torch.nn.utils.clip_grads_with_norm_(self.parameters, self._clip, norm)
        if self._scaler is None:
            self.optimiser.step()
        else:
            self._scaler.step(self.optimiser)
            self._scaler.update()
        self.optimiser.zero_grad(set_to_none=True)
        return norm

    def _average_gradients(self) -> None:
        # A parameter that no active term reached has a gradient of zero. It must be one in every process, or the
        # processes would disagree on what they send, and one process would train otherwise than several.
        if self._runtime.world == 1:
            for parameter in self.parameters:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
            return
        flat, views = self._gradient_buffer()
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in self.parameters]
        torch._foreach_copy_(views, gradients)
        self._runtime.average_(flat)
        for parameter, view in zip(self.parameters, views, strict=True):
            parameter.grad = view

    def _gradient_buffer(self) -> tuple[Tensor, list[Tensor]]:
        # Each view has its parameter's strides: fused optimisers read both in memory order.
        if self._flat is None:
            first = self.parameters[0]
            self._flat = first.new_zeros(sum(p.numel() for p in self.parameters))
            pieces = self._flat.split([p.numel() for p in self.parameters])
            self._views = [
                self._flat.as_strided(p.shape, p.stride(), piece.storage_offset())
                for p, piece in zip(self.parameters, pieces, strict=True)
            ]
        return self._flat, self._views

    def state_dict(self) -> dict[str, Any]:
        """Optimiser and scaler."""
        scaler = {} if self._scaler is None else self._scaler.state_dict()
        return {"optimiser": optimiser_state(self.optimiser), "scaler": scaler}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put ``state_dict`` back."""
        load_optimiser_state(self.optimiser, state["optimiser"])
        if self._scaler is not None and state["scaler"]:
            self._scaler.load_state_dict(state["scaler"])


@dataclass
class StepLosses:
    """What a step found out, still on the device."""

    terms: dict[str, Tensor] = field(default_factory=dict)
    """Unweighted, by ``<phase>/<term>``, averaged over the micro-batches."""
    separations: dict[str, Tensor] = field(default_factory=dict)
    """How well discriminators tell real from generated, by ``<phase>/separation``, averaged alike."""
    norms: dict[str, Tensor] = field(default_factory=dict)
    """Of the gradients, by phase, if they were wanted."""

    def add(self, phase: str, terms: Mapping[str, Tensor], separated: Mapping[str, Tensor], micros: int) -> None:
        """Add what a phase found out in one of so many micro-batches."""
        for sums, values in ((self.terms, terms), (self.separations, separated)):
            for name, value in values.items():
                key, part = f"{phase}/{name}", value.detach() / micros
                sums[key] = sums[key] + part if key in sums else part


class Step:
    """Runs a stage's phases on one step's micro-batches."""

    def __init__(self, recipe: Recipe, updates: Sequence[PhaseUpdate], runtime: Runtime) -> None:
        self._recipe = recipe
        self._updates = updates
        self._runtime = runtime
        self._parameters = list(recipe.parameters())

    def run(self, batches: Sequence[Mapping[str, Any]], at: At, *, with_norms: bool = False) -> StepLosses:
        """Train on the micro-batches of one step; each phase updates its networks once."""
        running = [(update, terms) for update in self._updates if (terms := self._active_terms(update.phase, at))]
        losses = StepLosses()
        if not running:
            return losses
        buffers = MicroBatchBuffers(self._recipe, len(batches))
        self._train_only([p for update, _ in running for p in update.parameters])
        views: list[Views] = []
        for micro, batch in enumerate(batches):
            with buffers.of(micro), self._runtime.autocast():
                views.append({**batch, **self._recipe(batch, at)})
        for update, terms in running:
            self._train_only(update.parameters)
            last = update is running[-1][0]
            for micro in range(len(batches)):
                with buffers.of(micro):
                    found = self._backward(update, terms, views[micro], at, len(batches), retain_graph=not last)
                losses.add(update.phase.name, *found, len(batches))
                if last:
                    views[micro] = {}  # frees the graph
            norm = update.update(with_norm=with_norms)
            if norm is not None:
                losses.norms[update.phase.name] = norm
        buffers.merge()
        return losses

    def _active_terms(self, phase: Phase, at: At) -> list[Term]:
        return [term for term in self._recipe.terms(phase.name, at) if term.active(at.step)] if phase.when(at) else []

    def _train_only(self, parameters: Sequence[nn.Parameter]) -> None:
        chosen = {id(parameter) for parameter in parameters}
        for parameter in self._parameters:
            parameter.requires_grad_(id(parameter) in chosen)

    def _backward(
        self, update: PhaseUpdate, terms: Sequence[Term], views: Views, at: At, micros: int, *, retain_graph: bool
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        with self._runtime.autocast():
            own = self._recipe.phase_views(update.phase.name, views, at)
        seen = TermViews({**views, **own})
        values = {term.name: term.fn(seen).float() for term in terms}
        weighted = [term.weight * term.every * values[term.name] for term in terms]
        total = torch.stack(weighted).sum()
        # The forward graph may serve a later phase, as far as no phase before it changed what the graph went through.
        update.backward(total / micros, retain_graph=retain_graph)
        return values, separations(own)


class MicroBatchBuffers:
    """Lets each micro-batch treat buffers (batch norm's statistics) as a process of its own would.

    All start the step from the same values, each goes on with its own, and at the end floating ones become the mean.
    With one micro-batch there is nothing to do.
    """

    def __init__(self, recipe: Recipe, micros: int) -> None:
        # `.data`: autograd must not take the exchange of statistics for a change of what it saved.
        self._buffers = [buffer.data for buffer in recipe.buffers()] if micros > 1 else []
        self._sets = [[buffer.clone() for buffer in self._buffers] for _ in range(micros)]

    @contextmanager
    def of(self, micro: int) -> Iterator[None]:
        """Work with one micro-batch's buffers."""
        if not self._buffers:
            yield
            return
        torch._foreach_copy_(self._buffers, self._sets[micro])
        yield
        torch._foreach_copy_(self._sets[micro], self._buffers)

    def merge(self) -> None:
        """Leave the mean of floating buffers, and the last micro-batch's others (counters)."""
        for index, buffer in enumerate(self._buffers):
            values = [copies[index] for copies in self._sets]
            mean = torch.stack(values).mean(dim=0) if buffer.is_floating_point() else values[-1]
            buffer.copy_(mean)


def trained_parameters(recipe: Recipe, phase: Phase) -> list[nn.Parameter]:
    """Parameters below the phase's module paths, each once, in the order of the paths.

    Raises:
        NirganError: for a path that does not exist, or a phase that trains nothing.
    """
    found = {id(p): p for path in phase.trains for p in recipe.network(path).parameters()}
    if not found:
        raise NirganError(f"phase '{phase.name}' trains no parameters: {', '.join(phase.trains) or 'no paths'}")
    return list(found.values())


def _float32(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float() if value.dtype in (torch.bfloat16, torch.float16) else value
    if isinstance(value, list | tuple):
        widened = [_float32(item) for item in value]
        return value if all(a is b for a, b in zip(widened, value, strict=True)) else type(value)(widened)
    return value
