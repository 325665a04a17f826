"""The contract between a paper's method and everything else: what a recipe is and what it may ask for.

A recipe is the networks, losses and update order that a paper calls its method. The trainer, the data layer and the
translator know only what stands in this file; they never know a model's name. See ``nirgan/models/README.md`` for how
to add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from nirgan.data.sample import Sample, Task
from nirgan.errors import NirganError, nearest

Views = dict[str, Any]
"""What the phases of one step share, by name: tensors, or lists of tensors (one per scale of a discriminator)."""

ORIGIN = "origin"
"""Condition that the translator adds by itself: row and column of the source at which what ``predict`` gets begins.

Not (0, 0) for tiles, so that what depends on the place (noise, hints, boxes) fits together; without it, (0, 0).
"""


@dataclass(frozen=True)
class At:
    """Where training stands when a step begins.

    Attributes:
        step: Steps done so far in the run, from 0.
        epoch: Passes over the training set done so far.
        step_in_epoch: Steps done in this epoch, from 0.
        progress: Share of the stage that is done, 0 to 1.
        stage: Name of the stage.
        generator: Random numbers of this process, on the training device; its state is saved with the run.
    """

    step: int
    epoch: int
    step_in_epoch: int
    progress: float
    stage: str
    generator: torch.Generator


def always(at: At) -> bool:
    """Run in every step."""
    return True


@dataclass(frozen=True)
class Schedule:
    """Learning-rate factor by progress through the stage, so that it does not depend on how a run is counted.

    Attributes:
        name: ``constant``, ``linear`` (to ``final`` after ``hold``), ``cosine`` (the same, half a cosine) or ``steps``
            (multiplied by ``factor`` at the end of each of ``parts`` equal parts of what comes after ``hold``).
        hold: Share of the stage at the full rate before decay begins.
        final: Factor at the end, of ``linear`` and ``cosine``.
        warmup_steps: Steps over which the rate rises linearly from zero.
        factor: Of ``steps``.
        parts: Of ``steps``.
        scale: Multiplies all of these: a later stage may take a tenth of the rate, whatever rate the run gives.
    """

    name: Literal["constant", "linear", "cosine", "steps"] = "constant"
    hold: float = 0.0
    final: float = 0.0
    warmup_steps: int = 0
    factor: float = 0.5
    parts: int = 10
    scale: float = 1.0


@dataclass(frozen=True)
class Optimiser:
    """How a phase's networks are updated. Fields as in ``torch.optim``.

    ``sgd`` takes its momentum from the first of ``betas``, ``adadelta`` its rho from the second. The run's config may
    override all fields, but for the schedule's ``final``, ``factor``, ``parts`` and ``scale``.
    """

    name: Literal["adam", "adamw", "sgd", "adadelta"] = "adam"
    lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    weight_decay: float = 0.0
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True)
class Phase:
    """One optimiser's part of a step.

    Attributes:
        name: As in the logs: ``generator``, ``discriminator``.
        trains: Module paths below ``recipe.networks`` (``generator``, ``fusion.conv10``): exactly these get gradient.
        when: Whether the phase runs in this step.
        optimiser: The method's own settings.
    """

    name: str
    trains: tuple[str, ...]
    when: Callable[[At], bool] = always
    optimiser: Optimiser = field(default_factory=Optimiser)


@dataclass(frozen=True)
class Stage:
    """A part of training with its own trainable networks and its own view of the data.

    A stage starts with fresh optimisers, EMA and gradients, and from the averages of what stages before it trained.

    Attributes:
        name: Unique in the recipe.
        phases: In the order in which a step runs them.
        view: What the data layer serves, ``image`` (source and target of a pair) or ``unpaired`` (of two records);
            ``clip``, ``one-box`` and ``boxes`` are refused so far. Or a function of ``At``, for methods that alternate,
            which must not draw random numbers.
        batch_size: Per process; None takes the run's.
        share: Part of the run's steps, relative to the other stages' shares.
        starts_from: Networks that begin as copies of others: ``{"instance": "full"}``.
        eval_mode: Module paths kept in eval mode (frozen batch norm), besides all that no phase of the stage trains.
    """

    name: str
    phases: tuple[Phase, ...]
    view: str | Callable[[At], str] = "image"
    batch_size: int | None = None
    share: float = 1.0
    starts_from: Mapping[str, str] = field(default_factory=dict)
    eval_mode: tuple[str, ...] = ()

    def view_at(self, at: At) -> str:
        """Name of the view that the step at ``at`` is served."""
        return self.view if isinstance(self.view, str) else self.view(at)


@dataclass(frozen=True)
class Term:
    """A named loss of a phase.

    Attributes:
        name: Logged, unweighted, as ``loss/<phase>/<name>``.
        weight: Factor in the phase's sum; a term of weight 0 is never computed.
        fn: From the step's views to a scalar; runs in float32, outside autocast.
        start_step: Off before this step.
        every: Lazy penalties: computed each ``every`` steps with the weight multiplied by ``every``.
    """

    name: str
    weight: float
    fn: Callable[[Views], Tensor]
    start_step: int = 0
    every: int = 1

    def active(self, step: int) -> bool:
        """Whether the term counts in this step."""
        return self.weight != 0 and step >= self.start_step and (step - self.start_step) % self.every == 0


@dataclass(frozen=True)
class Condition:
    """Something besides the source that prediction can be given: a caption, hints, a temperature, a noise seed.

    It becomes an option of ``translate`` by its name (``noise_seed`` is ``--noise-seed``) and a key of ``conditions``.
    """

    name: str
    type: type
    default: Any
    help: str
    above: float | None = None
    """Numbers must be larger than this."""
    make: Callable[[Any], Any] | None = None
    """Makes a value from what may stand for it: the name of a file, on the command line too, or a list."""


class InPicture(ABC):
    """Value of a condition that lies in the picture, as points with colours or boxes do.

    Places are given in pixels of the picture itself. The translator asks for what is meant for each picture, lets it be
    drawn at the size at which ``predict`` runs, and pads and cuts it like the source: ``predict`` gets it, by the
    condition's name, as a tensor (B,K,h,w) that fits what it gets of the source.
    """

    @abstractmethod
    def of(self, path: Path | None) -> InPicture:
        """What is meant for one picture; None is a picture that is no file."""

    @abstractmethod
    def check(self, paths: Sequence[Path]) -> None:
        """Raise NirganError if this cannot be meant for these pictures, before the first of them is translated."""

    @abstractmethod
    def draw(self, size: tuple[int, int], working: tuple[int, int]) -> Tensor:
        """Draw it (K,h,w), at the working height and width of a picture of ``size``.

        Raises:
            NirganError: if it does not fit the picture.
        """


class Recipe(nn.Module, ABC):
    """Base of every recipe. Class attributes describe the method; instances hold its networks.

    A constructor takes ``task``, ``source_channels`` and ``crop`` (the training crop's side in pixels) by keyword, and
    after them the method's own options, each with a default. Pools, counters and priors are buffers or extra state of
    the recipe or its submodules, so that they travel in ``state_dict``.

    Attributes:
        paper: Where the method comes from.
        tasks: What it can be trained for.
        pairings: Kinds of data it accepts; an option may narrow them on the instance.
        fields: Sample fields it needs besides source and target (``caption``, ``boxes``, ``label``, ``previous``).
        presets: Named settings of a run: keys of the run's config, ``options`` among them. ``paper`` is the default,
            ``small`` suits two CPU cores, ``tiny`` is for tests (under a second a step on CPU).
        translates_with: Module paths below ``networks`` that ``predict`` and ``compose`` use: these go into the
            weights, with the recipe's own buffers.
        conditions: What ``predict`` understands besides the source; an option may narrow them on the instance.
        quiet: Options that switch the method's random numbers off (dropout, noise, pools), so that runs on different
            numbers of processes can be compared.
        offline: Options that keep the constructor and ``prepare`` from fetching anything (pretrained networks), as far
            as the recipe has them: weights are loaded with these, and ``features.pretrained=false`` trains with them.
        stages: In order. Empty: the recipe is prepared, not trained.
        networks: Every network once, frozen ones included.
        stride: ``predict`` takes sides that are multiples of this.
        smallest: Least side that ``predict`` takes; smaller pictures come reflected to it.
        halo: Pixels around a point beyond which the source no longer changes ``predict``'s answer there (the receptive
            field's radius, rounded up to a multiple of the stride). Tiles with this margin equal the whole picture.
        working_size: Short side at which ``predict`` runs, None for the picture's own size.
        training_size: Short side of the pictures that training cuts its crops from, None for ``working_size``.
        whole_picture: True when the answer at a point depends on all of the picture, which then is not tiled; unless it
            does so by instance or group norms, whose statistics translation takes of the whole picture first.
        tile: Side of the tiles that translation prefers to a whole picture, None where the whole picture is best.
        prepared_on: How many training pictures ``prepare`` looks at, taken at even distances; 0 shows it all.
        ranks_bins: True when the method scores bins of colour, and ``bin_logits`` can be asked for them.
        needs_weights: Options that weights must have been trained with, which ``--init-from`` then must bring
            (``{"variant": "full"}``); empty if networks may start from random numbers.
        may_begin_anew: Module paths below ``networks`` that ``--init-from`` leaves as they were drawn where the weights
            have others in their place: heads that a variant exchanges.
    """

    paper: ClassVar[str] = ""
    tasks: ClassVar[tuple[Task, ...]] = ("nir2rgb",)
    pairings: tuple[str, ...] = ("registered",)
    fields: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    conditions: tuple[Condition, ...] = ()
    quiet: ClassVar[Mapping[str, Any]] = {}
    offline: ClassVar[Mapping[str, Any]] = {"pretrained": False}
    translates_with: tuple[str, ...] = ("generator",)

    stages: tuple[Stage, ...] = ()
    networks: nn.ModuleDict
    stride: int = 1
    smallest: int = 1
    halo: int = 0
    working_size: int | None = None
    training_size: int | None = None
    whole_picture: bool = False
    tile: int | None = None
    prepared_on: int = 0
    ranks_bins: bool = False
    needs_weights: Mapping[str, Any] = {}
    may_begin_anew: tuple[str, ...] = ()
    built_with: dict[str, Any]
    """Arguments it was built with, ``task``, ``source_channels`` and ``crop`` among them; set by create_model."""

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Raise NirganError, saying which crops work, if the method cannot train at this crop with these options."""

    def check_labels(self, labels: Collection[str]) -> None:
        """Raise NirganError, saying what to do, if the method cannot learn these labels of the training pictures.

        It is asked before any picture is read.
        """

    def prepare(self, samples: Iterable[Sample]) -> None:
        """Look at the training samples, in as many passes as it takes, before step 0; results become buffers.

        It runs on one process. Samples are whole pictures, read anew in each pass; files that cannot be read are left
        out, named, and do not end the run. Without partners (unpaired data), ``target`` is None. After ``--init-from``
        the recipe's own buffers hold what was found for those weights, as far as it fits: compare, and replace it.
        """

    @abstractmethod
    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Compute, once a step, what the phases share (the outputs, not the logits).

        ``batch`` holds ``source`` (B,C,H,W) and ``target`` (B,3,H,W), float32 in [0, 1], ``view``, ``keys`` and the
        recipe's ``fields``. Put a paired output into the views as ``output`` (RGB in [0, 1] or the method's own range)
        and again as ``compared``, which paired terms read and a registration wrapper replaces.
        """

    def phase_views(self, phase: str, views: Views, at: At) -> Views:
        """Compute what only this phase needs, at its start: logits, draws from a pool, augmented pictures.

        By convention, a discriminator's logits (a tensor, or a list with one per scale) are called ``logits_real`` and
        ``logits_fake``, with a common suffix (``logits_real_back``, ``logits_fake_back``) where a phase has several.
        From these names in the phase that trains the discriminator the trainer logs ``gan/<phase>/separation<suffix>``
        and says when a discriminator always wins or never learns. A loss reads them as it likes.
        """
        return {}

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """The losses of a phase in this step."""
        return ()

    @abstractmethod
    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Map a padded (and perhaps tiled) source (B,C,H,W) in [0, 1] to the method's raw output (B,K,H,W).

        ``conditions`` are the declared ones by name, drawn where they are ``InPicture``, and under ``ORIGIN`` the place
        of a tile.
        """

    def bin_logits(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Score the 313 bins of ``nirgan.color.ab_bins`` at each point: (B,313,h,w), from what ``predict`` is given.

        For recipes with ``ranks_bins`` alone: evaluation asks them how far down the true colour stands.
        """
        raise NirganError(f"{type(self).__name__} scores no bins of colour")

    @abstractmethod
    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """Make RGB (B,3,H,W) in [0, 1] at the source's full size from the source and ``predict``'s raw output."""

    def network(self, path: str) -> nn.Module:
        """The module at a path below ``networks``.

        Raises:
            NirganError: if there is none; the nearest path is named.
        """
        try:
            return self.networks.get_submodule(path)
        except AttributeError:
            paths = [name for name, _ in self.networks.named_modules() if name]
            raise NirganError(f"{type(self).__name__} has no network '{path}'{nearest(path, paths)}") from None

    def weight_names(self) -> list[str]:
        """Names in ``state_dict`` that prediction needs: ``translates_with`` and the recipe's own buffers (priors)."""
        below = tuple(f"networks.{path}." for path in self.translates_with)
        own = {name for name, _ in self.named_buffers(recurse=False)} - self._non_persistent_buffers_set
        return [
            name
            for name, value in self.state_dict().items()
            if isinstance(value, Tensor) and (name.startswith(below) or name in own)
        ]
