"""«Let there be Color!» (Iizuka, Simo-Serra, Ishikawa; SIGGRAPH 2016): networks, losses, settings, labels."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nirgan.data.sample import LABEL, Sample
from nirgan.errors import NirganError
from nirgan.generators.local_global import PAPER, SIDE, SIDE_STRIDE, LocalGlobal, SceneClassifier
from nirgan.layers.init import init_kaiming
from nirgan.layers.names import pack_names, unpack_names
from nirgan.layers.norm import Norm
from nirgan.layers.reach import round_up
from nirgan.losses.class_cross_entropy import UNKNOWN, class_cross_entropy
from nirgan.losses.l2 import l2
from nirgan.models.keeps_lightness import KeepsLightness, true_ab
from nirgan.models.options import Size, Weight
from nirgan.models.recipe import At, Optimiser, Phase, Stage, Task, Term, Views
from nirgan.registry import MODELS

logger = logging.getLogger(__name__)

Variant = Literal["jacob-darcet", "paper"]
Width = Annotated[int, Field(ge=2)]
AbRange = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class _Settings:
    """What the variants differ in."""

    norm: Norm
    hidden: int
    classes: int
    half_output: bool
    optimiser: Optimiser


VARIANTS: dict[Variant, _Settings] = {
    "jacob-darcet": _Settings("none", 400, 365, False, Optimiser(lr=1e-4, betas=(0.9, 0.999))),
    # ADADELTA as published has no rate; 0.9 is the rho of Torch7, in which the authors worked.
    "paper": _Settings("batch", 256, 205, True, Optimiser("adadelta", lr=1.0, betas=(0.9, 0.9))),
}


@MODELS.register("iizuka", paper=PAPER)
class Iizuka(KeepsLightness):
    """Local features and a global vector draw the colours; the vector also learns to say what the picture shows.

    Args:
        task: ``gray2rgb``.
        source_channels: One.
        crop: Side of the training crop, a multiple of 8; where it is ``global_side``, one network does less work.
        variant: ``paper``: ADADELTA, batch norms, output at half the sides, 256 units in the classifier. Or the
            reimplementation by Jacob and Darcet: Adam, no norms, full size, 400 units.
        width: Channels of the first layer.
        alpha: Weight of the classification; 0 has no classifier.
        classes: How many the classifier can tell apart; None is 205 for the paper and 365 for the reimplementation,
            the classes of their data.
        hidden: Units of the classifier between its two layers; None takes the variant's.
        ab_range: Largest value of a and b that the output can say. Ours; the authors' 100 cuts off saturated blues.
        half_output: Leave the colours at half the sides; None takes the variant's.
        global_side: Side of the square that the global vector is made from; a multiple of 32.
        working_size: Short side at which colours are predicted; None takes pictures as they are, whose colours then get
            uneven (the authors' own remark).
    """

    paper = PAPER
    lambda_adversarial = 1e-3  # a squared error is a hundredth after a few steps, and 0.1 all that counts
    may_begin_anew = ("classifier.0", "classifier.1")
    fields: ClassVar[tuple[str, ...]] = (LABEL,)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {
            "batch_size": 128,
            "crop": SIDE,
            "epochs": 11.0,
            "ema": {"decay": 0.0},
            "options": {"variant": "paper"},
        },
        # The global way is the wide one: from 128 pixels its first fully connected layer has a third of the inputs, and
        # crops of just that size are looked at once.
        "small": {
            "batch_size": 16,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            # Named, because a rate for Adam is none for the ADADELTA of variant=paper.
            "optimiser": {"name": "adam", "lr": 1e-3, "beta2": 0.999, "schedule": "cosine"},
            "options": {"width": 24, "classes": 64, "global_side": 128, "working_size": 128},
        },
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"name": "adam", "lr": 2e-3, "beta2": 0.999},
            "options": {"width": 8, "classes": 8, "hidden": 16, "global_side": 32, "working_size": 32},
        },
    }

    vocabulary: Tensor

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        variant: Variant = "jacob-darcet",
        width: Width = 64,
        alpha: Weight = 1 / 300,
        classes: Size | None = None,
        hidden: Size | None = None,
        ab_range: AbRange = 128.0,
        half_output: bool | None = None,
        global_side: Size = SIDE,
        working_size: Size | None = SIDE,
    ) -> None:
        super().__init__()
        settings = VARIANTS[variant]
        half = settings.half_output if half_output is None else half_output
        generator = LocalGlobal(source_channels, width=width, side=global_side, norm=settings.norm, half_output=half)
        self.networks = nn.ModuleDict({"generator": generator})
        self._alpha, self._classes, self._ab_range = alpha, classes or settings.classes, ab_range
        if alpha:
            self.networks["classifier"] = SceneClassifier(
                8 * width, hidden or settings.hidden, self._classes, norm=settings.norm
            )
        init_kaiming(self.networks)
        # Names of the classes in the order of the logits; a buffer, so that weights know what the classifier says.
        self.register_buffer("vocabulary", pack_names([]))
        self._labels: list[str] = []
        self._read: Tensor | None = None
        trained = tuple(self.networks)
        self.translates_with = trained  # the classifier too, for `classify`
        self.stages = (Stage("train", (Phase("generator", trained, optimiser=settings.optimiser),)),)
        self.stride = generator.stride
        self.halo = round_up(generator.radius, self.stride)
        self.whole_picture = True
        self.working_size = working_size

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops of whole strides; the square of the global way, too."""
        if crop % LocalGlobal.stride:
            raise NirganError(f"iizuka cannot train at crop {crop}: give a multiple of {LocalGlobal.stride}")
        side = options.get("global_side", SIDE)
        if side % SIDE_STRIDE:
            raise NirganError(f"iizuka: global_side is {side}, but must be a multiple of {SIDE_STRIDE}")

    def check_labels(self, labels: Collection[str]) -> None:
        """As many as the classifier has classes."""
        if self._learns_labels and len(labels) > self._classes:
            some = ", ".join(sorted(labels)[:3])
            raise NirganError(
                f"iizuka: the training pictures have {len(labels)} labels ({some}, …), and the classifier tells "
                f"{self._classes} apart: give --set options.classes={len(labels)}"
            )

    def prepare(self, samples: Iterable[Sample]) -> None:
        """Collect the labels of the training pictures; without any, colours are learnt alone.

        Raises:
            NirganError: if there are more than the classifier has classes.
        """
        before = self.labels  # of the weights that training starts from
        self.vocabulary = pack_names([])
        if not self._learns_labels:
            return
        labels = sorted({label for sample in samples if (label := sample.extras.get(LABEL))})
        if not labels:
            logger.warning(
                "iizuka: the pictures have no labels, so there is no classification (as with alpha=0) and the global "
                "vector learns from colours alone; a folder for each kind of scene would name them"
            )
        self.check_labels(labels)
        if before and before != labels:
            init_kaiming(self.network("classifier.1"))
            logger.info("iizuka: other labels than those it starts from: the classifier's last layer begins anew")
        self.vocabulary = pack_names(labels)

    @property
    def labels(self) -> list[str]:
        """What the classifier can say, in the order of its logits; empty where it learns nothing."""
        if self._read is not self.vocabulary:  # it may lie on the device, which no step should wait for
            self._labels, self._read = unpack_names(self.vocabulary), self.vocabulary
        return self._labels

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Draw the colours and, where there are labels, classify; a and b as the output says them, from 0 to 1."""
        source = batch["source"]
        drawn, scene = self.networks["generator"](source)
        lightness, target_ab = source.float(), true_ab(batch)
        if drawn.shape[-1] < source.shape[-1]:
            lightness, target_ab = F.avg_pool2d(lightness, 2), F.avg_pool2d(target_ab, 2)
        views: Views = {"lightness": lightness, "ab": self._decoded(drawn), "target_ab": target_ab}
        views |= {"output": drawn, "compared": drawn, "target": self._encoded(target_ab)}
        if self._classifies:
            views |= {"logits": self.networks["classifier"](scene), "classes": self._numbers(batch[LABEL], source)}
        return views

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """Mean squared error of a and b on the scale of the output, and α times the cross-entropy of the labels."""
        # The paper writes the colours' term as a sum (a squared Frobenius norm); both reimplementations take the mean.
        return [
            Term("l2", 1.0, lambda v: l2(v["compared"], v["target"])),
            Term(
                "class",
                self._alpha if self._classifies else 0.0,
                lambda v: class_cross_entropy(v["logits"], v["classes"]),
            ),
        ]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Lab's a and b (B,2,H,W), or at half the sides."""
        return self._decoded(self.networks["generator"](source)[0])

    @torch.no_grad()
    def classify(self, source: Tensor) -> list[str]:
        """The likeliest label of each source (B,1,H,W) in [0, 1]; sides are multiples of 8.

        Raises:
            NirganError: if training learnt no labels.
        """
        if not self._classifies:
            raise NirganError(
                "iizuka: these weights know no labels, because training had none, or alpha or lambda_own was 0"
            )
        labels = self.labels
        logits = self.networks["classifier"](self.networks["generator"](source)[1])[:, : len(labels)]
        return [labels[index] for index in logits.argmax(dim=1).tolist()]

    @property
    def _classifies(self) -> bool:
        return self._learns_labels and self.vocabulary.numel() > 0

    @property
    def _learns_labels(self) -> bool:
        return self._alpha > 0 and not self.judged_alone

    def _numbers(self, labels: Sequence[str], like: Tensor) -> Tensor:
        known = {label: number for number, label in enumerate(self.labels)}
        return torch.tensor([known.get(label, UNKNOWN) for label in labels], device=like.device)

    def _encoded(self, ab: Tensor) -> Tensor:
        # One pair of formulas for both ways; the reimplementation's two do not fit each other.
        return ab / (2 * self._ab_range) + 0.5

    def _decoded(self, drawn: Tensor) -> Tensor:
        return (2 * self._ab_range) * (drawn.float() - 0.5)
