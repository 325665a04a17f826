"""A discriminator as a wrapper of recipes that keep lightness: a «grayscale GAN» of any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from nirgan.color.lab import AB_SCALE, lab_to_unlimited_rgb
from nirgan.discriminators.patch import PatchDiscriminator
from nirgan.errors import NirganError
from nirgan.layers.init import init_normal
from nirgan.losses.gan import discriminator_loss, gan_criterion, judged_as
from nirgan.losses.l1 import l1
from nirgan.models.keeps_lightness import KeepsLightness
from nirgan.models.options import Size, Weight
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Schedule, Stage, Task, Term, Views

DISCRIMINATOR = "discriminator"
SMALLEST = 32
"""Crop below which the discriminator has nothing left to judge."""

RATE, BETAS, HOLD = 2e-4, (0.5, 0.999), 0.5
"""Of the discriminator's Adam, as in pix2pix, and the share of steps before its rate falls."""

Space = Literal["lab", "rgb"]
Strength = Annotated[float, Field(gt=0)]
"""Weight of what the wrapper is there for."""


class Adversarial(KeepsLightness):
    """Lets a PatchGAN judge the recipe's colours, beside the recipe's own terms, an L1, or both.

    A mixin; ``with_discriminator`` puts it before a recipe. Judged are pictures of the crop's own lightness with the
    predicted or the true colours, both as the recipe's ``forward`` gives them, enlarged alike where they are coarser:
    a patch is of one size in every recipe, and what enlarging does to colours betrays nothing. The discriminator is
    trained in the stages that train something of what translates; translation does without it.

    Args:
        task: ``gray2rgb``.
        crop: Side of the training crop, at least 32.
        lambda_adversarial: Weight of the adversarial term; None takes the recipe's: 0.1, beside a mean squared error
            0.001.
        lambda_l1: Weight of the mean absolute error of a and b, divided by 110.
        lambda_own: Factor on the recipe's own terms; 0 leaves them out.
        gan: Least squares or cross-entropy.
        judge_width: Channels of the discriminator's first layer.
        options: The wrapped recipe's.

    Attributes:
        space: What the discriminator sees: L, a and b, or RGB.
    """

    space: ClassVar[Space] = "lab"

    def __init__(
        self,
        *,
        task: Task,
        crop: int,
        lambda_adversarial: Strength | None = None,
        lambda_l1: Weight = 0.0,
        lambda_own: Weight = 1.0,
        gan: Literal["lsgan", "bce"] = "lsgan",
        judge_width: Size = 32,
        **options: Any,
    ) -> None:
        super().__init__(task=task, crop=crop, **options)
        if DISCRIMINATOR in self.networks:
            raise NirganError("adversarial: this method has a discriminator of its own; leave the option out")
        if self.only_points:
            raise NirganError(f"adversarial: {self.only_points}")
        # Three channels in both spaces: of the lightness, which it must know, and of the colours that it judges by it.
        # Batch norm as in pix2pix; instance norm would take out what a whole picture is tinted with.
        discriminator = PatchDiscriminator(3, width=judge_width)
        init_normal(discriminator)
        self.networks[DISCRIMINATOR] = discriminator
        if lambda_adversarial is not None:
            self.lambda_adversarial = lambda_adversarial
        self._lambda_l1, self._lambda_own = lambda_l1, lambda_own
        self.judged_alone = not lambda_own
        self._criterion = gan_criterion(gan)
        self._drawing = {stage.name: self._phases_that_draw(stage) for stage in self.stages}
        if not any(self._drawing.values()):
            raise NirganError("adversarial: no stage of this method trains what draws colours; leave the option out")
        self.stages = tuple(_judged(stage, self._drawing[stage.name]) for stage in self.stages)

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """What the wrapped recipe asks for, and 32 pixels or more."""
        super().check_crop(crop, options)
        if crop < SMALLEST:
            raise NirganError(f"adversarial: a crop of {crop} pixels is too small to judge: give at least {SMALLEST}")

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """The recipe's views, and ``judged_output`` and ``judged_target`` (B,3,H,W) at the crop's size."""
        views: Views = super().forward(batch, at)  # type: ignore[safe-super]  # the wrapped recipe's
        if not self._drawing.get(at.stage):
            return views
        # The source itself, not the view `lightness`, which is as coarse as the colours may be.
        judged = {
            "judged_output": self._shown(batch["source"], views["ab"]),
            "judged_target": self._shown(batch["source"], views["target_ab"]),
        }
        return {**views, **judged}

    def _shown(self, lightness: Tensor, ab: Tensor) -> Tensor:
        """The picture (B,3,H,W) of a lightness (B,1,H,W) and colours (B,2,h,w); what can be shown is within [-1, 1].

        RGB is not clipped: what lies outside would get no gradient. It stands out instead, and learns to come back.
        """
        lightness, ab = lightness.float(), ab.float()
        if ab.shape[-2:] != lightness.shape[-2:]:
            ab = F.interpolate(ab, size=lightness.shape[-2:], mode="bilinear", align_corners=False)
        if self.space == "lab":
            return torch.cat([2 * lightness - 1, ab / AB_SCALE], dim=1)
        return 2 * lab_to_unlimited_rgb(torch.cat([100 * lightness, ab], dim=1)) - 1

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """The recipe's, and logits: of truth and output for the discriminator, of the output for what draws it."""
        judge, drawing = self.networks[DISCRIMINATOR], self._drawing.get(at.stage, ())
        if phase == DISCRIMINATOR:
            return {
                "logits_real": judge(views["judged_target"]),
                "logits_fake": judge(views["judged_output"].detach()),
            }
        own = super().phase_views(phase, views, at)
        return {**own, "logits_fake": judge(views["judged_output"])} if phase in drawing else own

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """G: λ_own · (the recipe's) + λ_adv · c(D(L, ab), 1) + λ_l1 · L1; D: ½ [c(D(L, ab*), 1) + c(D(L, ab), 0)]."""
        criterion = self._criterion
        if phase == DISCRIMINATOR:
            return [
                Term("adversarial", 1.0, lambda v: discriminator_loss(v["logits_real"], v["logits_fake"], criterion))
            ]
        own = super().terms(phase, at)
        if phase not in self._drawing.get(at.stage, ()):
            return own
        return [
            *(replace(term, weight=self._lambda_own * term.weight) for term in own),
            Term("adversarial", self.lambda_adversarial, lambda v: judged_as(v["logits_fake"], True, criterion)),
            Term("l1_ab", self._lambda_l1, lambda v: l1(v["ab"] / AB_SCALE, v["target_ab"] / AB_SCALE)),
        ]

    def _phases_that_draw(self, stage: Stage) -> tuple[str, ...]:
        """Phases of a stage that train something of what translates."""
        return tuple(
            phase.name
            for phase in stage.phases
            if any(_overlap(trained, path) for trained in phase.trains for path in self.translates_with)
        )


@cache
def with_discriminator(recipe: type[Recipe], space: Space) -> type[Recipe]:
    """The recipe with a discriminator that sees its colours in a space: a class with the options of both.

    Raises:
        NirganError: if the recipe does not show its colours, as ``KeepsLightness`` has it.
    """
    if not issubclass(recipe, KeepsLightness):
        raise NirganError(f"{recipe.__name__} has no a and b to judge: leave adversarial out")
    # Not a class statement: a base that is a variable is beyond type checkers.
    presets = {name: _with_own_rate(preset) for name, preset in recipe.presets.items()}
    own = {"__doc__": recipe.__doc__, "space": space, "presets": presets}
    return cast(type[Recipe], type(f"Judged{recipe.__name__}", (Adversarial, recipe), own))


def _with_own_rate(preset: Mapping[str, Any]) -> Mapping[str, Any]:
    """A preset whose optimiser is not the discriminator's: its rates are those of narrow networks that draw colours."""
    adam = {"name": "adam", "lr": RATE, "beta1": BETAS[0], "beta2": BETAS[1], "weight_decay": 0.0}
    optimiser = {**adam, "schedule": "linear", "hold": HOLD}
    return {**preset, "phases": {DISCRIMINATOR: optimiser, **preset.get("phases", {})}}


def _judged(stage: Stage, drawing: Sequence[str]) -> Stage:
    """The stage with the discriminator trained first in each step in which colours are; unchanged if they never are."""
    phases = [phase for phase in stage.phases if phase.name in drawing]
    if not phases:
        return stage
    optimiser = Optimiser(lr=RATE, betas=BETAS, schedule=Schedule("linear", hold=HOLD))
    judging = Phase(DISCRIMINATOR, (DISCRIMINATOR,), when=partial(_any_runs, phases), optimiser=optimiser)
    return replace(stage, phases=(judging, *stage.phases))


def _any_runs(phases: Sequence[Phase], at: At) -> bool:
    return any(phase.when(at) for phase in phases)


def _overlap(one: str, other: str) -> bool:
    """Whether one of two module paths is, or holds, the other."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")
