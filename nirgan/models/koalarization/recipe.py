"""Deep Koalarization (Baldassarre, González Morín, Rodés-Guirao; 2017): networks, loss, embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from nirgan.color.lab import lightness_to_gray
from nirgan.data.sample import Sample
from nirgan.errors import NirganError
from nirgan.features import FeatureNet, FrozenClassifier
from nirgan.generators.koalarization import FusedEncoderDecoder
from nirgan.layers.init import init_kaiming
from nirgan.layers.keyed_vectors import KeyedVectors
from nirgan.layers.reach import round_up
from nirgan.losses.l2 import l2
from nirgan.models.keeps_lightness import KeepsLightness, true_ab
from nirgan.models.options import Size
from nirgan.models.recipe import At, Optimiser, Phase, Stage, Task, Term, Views
from nirgan.registry import MODELS

PAPER = "arXiv 1712.03400"
SIDE = 224
AB_SCALE = 127
"""Value of a and b that is 1 for the network."""

Embed = Literal["picture", "crop"]
Width = Annotated[int, Field(ge=2)]


@MODELS.register("koalarization", paper=PAPER)
class Koalarization(KeepsLightness):
    """An encoder and a decoder, between them what a frozen classifier says of the whole picture, at every point.

    Args:
        task: ``gray2rgb``.
        source_channels: One.
        crop: Side of the training crop, a multiple of 8.
        features: The classifier. Its weights come from torchvision; ``inception-resnet-v2``, the authors', from timm;
            ``tiny`` has none.
        pretrained: Look for them when training begins; otherwise they stay random numbers.
        embed: Ask the classifier about each training picture once, before the first step (the authors'), or about each
            crop in every step.
        embedding_norm: Bring each embedding to mean 0 and deviation 1. Not the authors': their logits go in as they
            are, and the largest of them may rule the fusion early on.
        width: Channels of the first layer.
        encoded: Channels that the encoder ends in; None is four times the width, as in the authors' code.
        working_size: Short side at which colours are predicted; None takes pictures as they are.
    """

    paper = PAPER
    lambda_adversarial = 1e-3  # a squared error is a hundredth after a few steps, and 0.1 all that counts
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        # The authors leave the length open; 40 epochs are those of the replication in PyTorch.
        "paper": {"batch_size": 100, "crop": SIDE, "epochs": 40.0, "ema": {"decay": 0.0}},
        # The classifier is asked once a picture, so it costs nothing while training; ResNet-18 keeps that short, too.
        "small": {
            "batch_size": 16,
            "crop": 128,
            "minutes": 25.0,
            "ema": {"decay": 0.995},
            "optimiser": {"schedule": "cosine"},
            "options": {"features": "resnet18", "embedding_norm": True, "width": 24, "working_size": 128},
        },
        "tiny": {
            "batch_size": 2,
            "crop": 32,
            "steps": 20,
            "ema": {"decay": 0.9},
            "optimiser": {"lr": 2e-3},
            "options": {"features": "tiny", "pretrained": False, "width": 8, "working_size": 32},
        },
    }
    # Random or published, the classifier travels with the weights: one file is all that translation needs.
    translates_with = ("generator", "features")

    def __init__(
        self,
        *,
        task: Task,
        source_channels: int,
        crop: int,
        features: FeatureNet = "inception-v3",
        pretrained: bool = True,
        embed: Embed = "picture",
        embedding_norm: bool = False,
        width: Width = 64,
        encoded: Size | None = None,
        working_size: Size | None = SIDE,
    ) -> None:
        super().__init__()
        classifier = FrozenClassifier(features)
        generator = FusedEncoderDecoder(source_channels, embedding=classifier.logits, width=width, encoded=encoded)
        init_kaiming(generator)  # not the authors' Glorot, which is much the same here
        self.networks = nn.ModuleDict({"generator": generator, "features": classifier})
        self.embeddings = KeyedVectors()
        self._pretrained, self._once, self._norm = pretrained, embed == "picture", embedding_norm
        phase = Phase("generator", ("generator",), optimiser=Optimiser(lr=1e-3, betas=(0.9, 0.999)))
        self.stages = (Stage("train", (phase,)),)
        self.stride = generator.stride
        self.halo = round_up(generator.radius, self.stride)
        self.whole_picture = True
        self.working_size = working_size

    @classmethod
    def check_crop(cls, crop: int, options: Mapping[str, Any]) -> None:
        """Crops of whole strides; and no weights where there are none."""
        if crop % FusedEncoderDecoder.stride:
            raise NirganError(
                f"koalarization cannot train at crop {crop}: give a multiple of {FusedEncoderDecoder.stride}"
            )
        if options.get("features") == "tiny" and options.get("pretrained", True):
            raise NirganError("koalarization: features=tiny has no pretrained weights: give options.pretrained=false")

    def prepare(self, samples: Iterable[Sample]) -> None:
        """Load the classifier's weights, and ask it about each training picture.

        Raises:
            NirganError: if the weights are not on this machine; with where they come from and how to go on without.
        """
        # Here and not in the constructor: only a training that begins needs the file, not one that goes on, nor
        # translation, which find what was loaded in their state or weights.
        classifier = self.networks["features"]
        assert isinstance(classifier, FrozenClassifier)
        if self._pretrained:
            classifier.load_pretrained()
        if self._once:
            known = [(sample.key, self._embedding(sample.source[None])) for sample in samples]
            if known:
                self.embeddings.keep([key for key, _ in known], torch.cat([vector for _, vector in known]))

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """Draw the colours; a and b divided by 127."""
        source, target_ab = batch["source"], true_ab(batch)
        embedding = self.embeddings.find(batch["keys"]) if self._once else None
        if embedding is None:  # also of a picture that could not be read at the beginning
            embedding = self._embedding(source)
        drawn = self.networks["generator"](2 * source - 1, embedding.to(source))
        views: Views = {"lightness": source.float(), "ab": AB_SCALE * drawn.float(), "target_ab": target_ab}
        return views | {"output": drawn, "compared": drawn, "target": target_ab / AB_SCALE}

    def terms(self, phase: str, at: At) -> Sequence[Term]:
        """Mean squared error of a and b on the network's scale."""
        return [Term("l2", 1.0, lambda v: l2(v["compared"], v["target"]))]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Lab's a and b (B,2,H,W)."""
        return AB_SCALE * self.networks["generator"](2 * source - 1, self._embedding(source)).float()

    def _embedding(self, source: Tensor) -> Tensor:
        """What the classifier says of lightness (B,1,H,W): (B, logits). It was trained on sRGB levels, not on L*."""
        vector = self.networks["features"](lightness_to_gray(source))
        return F.layer_norm(vector, vector.shape[1:]) if self._norm else vector
