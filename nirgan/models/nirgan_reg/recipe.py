"""Registration as a wrapper of paired recipes (idea of RegGAN: Kong et al., NeurIPS 2021, arXiv 2110.06465)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.generators.unet import UNet
from nirgan.layers.edge_map import edge_map
from nirgan.layers.init import init_kaiming
from nirgan.layers.shift import find_shift
from nirgan.layers.warp import warp
from nirgan.losses.smoothness import smoothness
from nirgan.losses.structure import structure
from nirgan.models.options import Count, Pixels, Size, Weight, can_register
from nirgan.models.recipe import At, Recipe, Stage, Task, Term, Views

FEWEST_LEVELS, MOST_LEVELS = 3, 5
"""Halvings of the registration network: enough to see large shifts, as many as the crop allows."""
EDGES_SCALE = 0.25
"""Edge maps lie in about [-2, 4]; the pictures beside them in [-1, 1]."""
SEEN = 2 + 2 * 3
"""Channels of the registration network's input: edges of the moved source and of the target, the output, the target."""


class Registration(Recipe):
    """Lets paired terms compare the target with the output as a registration network moves it onto the target.

    A mixin; ``with_registration`` puts it before a recipe. The warp is one shift, at which the edges of source and
    target correlate best, and a field that the network adds. The network learns with the generator from the paired
    terms, which read ``compared``, from the smoothness of the field, and from how well edges of the moved source meet
    those of the target: the source is where the output belongs, whatever its colours still are. Translation does
    without it.

    Args:
        task: ``nir2rgb``; the source of ``gray2rgb`` is computed from the target and needs no registration.
        crop: Side of the training crop; a multiple of 8.
        lambda_smooth: Weight of the field's mean squared gradient.
        lambda_structure: Weight of one minus the correlation of edges; 0 leaves the paired terms alone (RegGAN).
        registration_width: Channels of the registration network's first layer.
        largest_shift: Pixels in x and in y within which the shift is searched; 0 leaves it out (RegGAN).
        largest_bend: Pixels that the network adds to the shift at most.
        judged: What discriminators see of the output: moved onto the target, or as it is (RegGAN).
        options: The wrapped recipe's.
    """

    def __init__(
        self,
        *,
        task: Task,
        crop: int,
        lambda_smooth: Weight = 100.0,
        lambda_structure: Weight = 50.0,
        registration_width: Size = 16,
        largest_shift: Count = 24,
        largest_bend: Pixels = 8.0,
        judged: Literal["registered", "output"] = "registered",
        **options: Any,
    ) -> None:
        if task == "gray2rgb":
            raise NirganError("gray2rgb computes the source from the target: leave registration out")
        super().__init__(task=task, crop=crop, **options)
        channels = [registration_width * min(2**level, 4) for level in range(_levels(crop))]
        network = UNet(SEEN, 2, channels=channels, norm="none", upsample="resize")
        init_kaiming(network)
        for parameter in network.out.parameters():
            nn.init.zeros_(parameter)  # the first warp is the identity
        self.networks["registration"] = network
        self._lambda_smooth, self._lambda_structure = lambda_smooth, lambda_structure
        self._largest_shift, self._largest_bend = largest_shift, largest_bend
        self._judges_registered = judged == "registered"
        self._comparing = {stage.name: self._phases_that_compare(stage) for stage in self.stages}
        self.stages = tuple(_training(stage, self._comparing[stage.name]) for stage in self.stages)
        if "registered" not in self.pairings or not any(self._comparing.values()):
            raise NirganError(
                "registration: with these options no term compares the output with its target pixel by pixel; give the "
                "paired term a weight, or leave registration out"
            )
        self.pairings = tuple(dict.fromkeys((*self.pairings, "unregistered")))

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """What the wrapped recipe asks for, and multiples of 8."""
        super().check_crop(crop, options)
        _levels(crop)

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """The recipe's views; ``compared`` and any ``compared_…`` moved onto the target by the views' ``field``.

        ``moved_source`` is the source, moved alike, and ``truth`` the target, both in [0,1].
        """
        views: Views = super().forward(batch, at)  # type: ignore[safe-super]  # the wrapped recipe's
        if not self._comparing.get(at.stage):
            return views
        field = self._field(batch["source"], batch["target"], views["compared"].detach())
        moved = {name: warp(view, field) for name, view in views.items() if _is_compared(name)}
        return {
            **views,
            **moved,
            "field": field,
            "moved_source": warp(batch["source"], field),
            "truth": batch["target"],
        }

    def _field(self, source: Tensor, target: Tensor, output: Tensor) -> Tensor:
        """(B,2,H,W) in pixels: the shift, and what the network adds.

        The output is detached here: through it, the other terms would teach the generator to look like a warp.
        RegGAN's code lets that gradient through.
        """
        shift, _ = find_shift(source, target, self._largest_shift)
        shift = shift[:, :, None, None].expand(-1, -1, *target.shape[-2:])
        edges = EDGES_SCALE * torch.cat([edge_map(warp(source, shift)), edge_map(target)], dim=1)
        seen = torch.cat([edges, warp(output, shift), target], dim=1).to(output.dtype)
        return shift + self._largest_bend * self.networks["registration"](seen).float()

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """The recipe's; with ``judged=registered`` its discriminators are shown ``compared`` as ``output``."""
        if self._judges_registered and self._comparing.get(at.stage):
            views = {**views, "output": views["compared"]}
        return super().phase_views(phase, views, at)

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """The recipe's, and λ_smooth · (mean|∂field/∂x|² + mean|∂field/∂y|²) + λ_structure · (1 - r).

        These two are in phases that compare. r is the correlation of edges of the moved source and the target
        (``losses.structure``).
        """
        terms = super().terms(phase, at)
        if phase not in self._comparing.get(at.stage, ()):
            return terms
        return [
            *terms,
            Term("smoothness", self._lambda_smooth, lambda v: smoothness(v["field"])),
            Term("structure", self._lambda_structure, lambda v: structure(v["moved_source"], v["truth"])),
        ]

    def _phases_that_compare(self, stage: Stage) -> tuple[str, ...]:
        """Phases with a term that reads ``compared``, in a stage that is always served pairs."""
        if stage.view != "image":
            return ()
        at = At(0, 0, 0, 0.0, stage.name, torch.Generator())
        return tuple(
            phase.name
            for phase in stage.phases
            if any(term.weight and _reads_compared(term) for term in super(Registration, self).terms(phase.name, at))
        )


@cache
def with_registration(recipe: type[Recipe]) -> type[Recipe]:
    """The recipe with a registration network: a class with the options of both.

    Raises:
        NirganError: if the recipe takes no pairs of NIR and colour; the constructor of what is returned raises one
            where no term compares the output with a target.
    """
    if not can_register(recipe):
        raise NirganError(f"{recipe.__name__} takes no pairs of NIR and colour: leave registration out")
    # Not a class statement: a base that is a variable is beyond type checkers.
    made = type(f"Registered{recipe.__name__}", (Registration, recipe), {"__doc__": recipe.__doc__})
    return cast(type[Recipe], made)


class _Asked(dict[str, Any]):
    """Stands for a step's views: notes which ones a term asks for, and hands out tensors without values."""

    def __missing__(self, name: str) -> Tensor:
        self[name] = torch.empty(1, 3, 32, 32, device="meta")
        return self[name]


def _reads_compared(term: Term) -> bool:
    asked = _Asked()
    with suppress(Exception):  # a term may want other shapes; what it asked for until then is known
        term.fn(asked)
    return any(map(_is_compared, asked))


def _is_compared(name: str) -> bool:
    return name == "compared" or name.startswith("compared_")


def _training(stage: Stage, comparing: Sequence[str]) -> Stage:
    """The stage with the registration network trained in the phases that compare."""
    phases = [
        replace(phase, trains=(*phase.trains, "registration")) if phase.name in comparing else phase
        for phase in stage.phases
    ]
    return replace(stage, phases=tuple(phases))


def _levels(crop: int) -> int:
    halvings = (crop & -crop).bit_length() - 1
    if halvings < FEWEST_LEVELS:
        raise NirganError(f"registration cannot train at crop {crop}: give a multiple of {2**FEWEST_LEVELS}")
    return min(halvings, MOST_LEVELS)
