"""What cycle-consistent recipes share: two generators, two discriminators with pools, cycles, identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from nirgan.layers.init import init_normal
from nirgan.layers.pool import ImagePool
from nirgan.losses.gan import discriminator_loss, gan_criterion, judged_as
from nirgan.losses.l1 import l1
from nirgan.models.recipe import At, Optimiser, Phase, Recipe, Schedule, Stage, Term, Views


class CycleRecipe(Recipe):
    """Translation both ways, judged on both sides and tied together by cycles (Zhu et al. 2017).

    L_G = adv + λ_back·adv_back + λ_cycle·(both cycles) + λ_identity·(both identities), L_D for each discriminator with
    a pool. A recipe of this kind builds its networks and hands them over; what it adds to the objective it adds to
    ``terms``.

    Args:
        generator: From source to RGB, both in [-1, 1], as everywhere here.
        generator_back: From RGB to source.
        discriminator: Judges RGB.
        discriminator_back: Judges sources.
        gan: Name of the criterion.
        lambda_back: Weight of the adversarial term on the way back; without it that discriminator is not trained.
        lambda_cycle: Weight of each cycle.
        cycles_target: Whether targets make a cycle, too, and not sources alone.
        lambda_identity: Weight of the L1 between a picture and what the generator *towards* its side makes of it (see
            ``identity_inputs``).
        pool_size: Generated pictures kept for each discriminator.
        view: What the data layer serves.
    """

    def __init__(
        self,
        *,
        generator: nn.Module,
        generator_back: nn.Module,
        discriminator: nn.Module,
        discriminator_back: nn.Module,
        gan: str,
        lambda_back: float = 1.0,
        lambda_cycle: float,
        cycles_target: bool = True,
        lambda_identity: float,
        pool_size: int,
        view: str = "unpaired",
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(
            {
                "generator": generator,
                "generator_back": generator_back,
                "discriminator": discriminator,
                "discriminator_back": discriminator_back,
            }
        )
        init_normal(self.networks)
        self.pool, self.pool_back = ImagePool(pool_size), ImagePool(pool_size)
        self._criterion = gan_criterion(gan)
        self._lambda_back, self._lambda_cycle, self._lambda_identity = lambda_back, lambda_cycle, lambda_identity
        self._cycles_target = lambda_cycle > 0 and cycles_target
        self.stages = (self._stage(view),)

    def _stage(self, view: str) -> Stage:
        # One optimiser for both generators and one for both discriminators; networks that no term reaches stay out.
        optimiser = Optimiser(lr=2e-4, betas=(0.5, 0.999), schedule=Schedule("linear", hold=0.5))
        back = bool(self._lambda_back)
        both = back or self._lambda_cycle or self._lambda_identity
        generators = ("generator", "generator_back") if both else ("generator",)
        discriminators = ("discriminator", "discriminator_back") if back else ("discriminator",)
        phases = (
            Phase("generator", generators, optimiser=optimiser),
            Phase("discriminator", discriminators, optimiser=optimiser),
        )
        return Stage("train", phases, view=view)

    def in_range(self, source: Tensor) -> Tensor:
        """The source (B,C,H,W) from [0, 1] as the networks take it."""
        return 2 * source - 1

    def identity_inputs(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """What ``generator`` and what ``generator_back`` must leave as it is: the picture of the side they lead to."""
        return target, source

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Translate both ways and, where a cycle term wants it, back again; all in [-1, 1], source and target too."""
        source, target = self.in_range(batch["source"]), 2 * batch["target"] - 1
        generator, generator_back = self.networks["generator"], self.networks["generator_back"]
        output = generator(source)
        views: Views = {"source": source, "target": target, "output": output, "compared": output}
        if self._lambda_back or self._cycles_target:
            views["output_back"] = generator_back(target)
        if self._lambda_cycle:
            views["cycle_source"] = generator_back(output)
        if self._cycles_target:
            views["cycle_target"] = generator(views["output_back"])
        if self._lambda_identity:
            to_target, to_source = self.identity_inputs(source, target)
            views["identity_target"] = generator(to_target)
            views["identity_source"] = generator_back(to_source)
        return views

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """Logits: of this step's pictures for the generators, of pool draws and real ones for the discriminators."""
        judge, judge_back = self.networks["discriminator"], self.networks["discriminator_back"]
        if phase == "generator":
            logits = {"logits_fake": judge(views["output"])}
            if self._lambda_back:
                logits["logits_fake_back"] = judge_back(views["output_back"])
            return logits
        drawn = self.pool.draw(views["output"], at.generator)
        logits = {"logits_real": judge(views["target"]), "logits_fake": judge(drawn)}
        if self._lambda_back:
            drawn_back = self.pool_back.draw(views["output_back"], at.generator)
            logits["logits_real_back"] = judge_back(views["source"])
            logits["logits_fake_back"] = judge_back(drawn_back)
        return logits

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """L_G as above; L_D = ½ [c(D(y), 1) + c(D(drawn), 0)] for each discriminator."""
        criterion = self._criterion
        if phase == "discriminator":
            terms = [
                Term("adversarial", 1.0, lambda v: discriminator_loss(v["logits_real"], v["logits_fake"], criterion))
            ]
            if self._lambda_back:
                back = Term(
                    "adversarial_back",
                    1.0,
                    lambda v: discriminator_loss(v["logits_real_back"], v["logits_fake_back"], criterion),
                )
                terms.append(back)
            return terms
        return [
            Term("adversarial", 1.0, lambda v: judged_as(v["logits_fake"], True, criterion)),
            Term("adversarial_back", self._lambda_back, lambda v: judged_as(v["logits_fake_back"], True, criterion)),
            Term("cycle_source", self._lambda_cycle, lambda v: l1(v["cycle_source"], v["source"])),
            Term(
                "cycle_target",
                self._lambda_cycle if self._cycles_target else 0.0,
                lambda v: l1(v["cycle_target"], v["target"]),
            ),
            Term("identity_target", self._lambda_identity, lambda v: l1(v["identity_target"], v["target"])),
            Term("identity_source", self._lambda_identity, lambda v: l1(v["identity_source"], v["source"])),
        ]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """RGB in [-1, 1] at the source's size."""
        return self.networks["generator"](self.in_range(source))

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """From [-1, 1] to [0, 1]."""
        return ((raw + 1) / 2).clamp(0, 1)
