"""Semantic interpretability (Zhang, Isola and Efros 2016): is in a recoloured picture still recognised what it shows?

A classifier that learned from colour photographs, VGG-16, is shown pictures as they are, in grey and recoloured. Its
answers to one picture are compared with each other alone: its accuracy on colour photographs is not the paper's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from nirgan.data.square import central_square
from nirgan.hub import hub_missing
from nirgan.metrics.quantise import to_8_bit

WEIGHTS = "vgg16-397923af.pth"
"""VGG-16 as torchvision names it; the name ends in the first digits of the file's SHA-256."""
TRUTH = "truth"
"""Name of the truth's own score."""

Classify = Callable[[Tensor], int]
"""From a picture (3,H,W) in [0, 1] to the number of the class that is seen in it."""


def missing() -> str | None:
    """Why interpretability cannot be scored here and what to do, or None if it can. Never downloads."""
    return hub_missing(WEIGHTS, "VGG-16", "IMAGENET1K_V1")


def load_classifier() -> Classify | None:
    """VGG-16 as torchvision trained it on ImageNet; None where ``missing`` says why."""
    if missing() is not None:
        return None
    from torchvision.models import VGG16_Weights, vgg16

    weights = VGG16_Weights.IMAGENET1K_V1
    return classify_with(vgg16(weights=weights).eval(), weights.transforms())


def classify_with(net: nn.Module, prepare: Callable[[Tensor], Tensor]) -> Classify:
    """Ask a network (1,3,h,w) to (1,classes) about the middle of pictures, which ``prepare`` resizes and normalises.

    ``prepare`` gets the central square: of a long strip it would make something huge.
    """

    def classify(picture: Tensor) -> int:
        with torch.no_grad():
            return int(net(prepare(central_square(to_8_bit(picture).float()))[None]).argmax())

    return classify


def classes_of(name: str) -> frozenset[int]:
    """The classes of ImageNet that a folder's name stands for: a number of WordNet's or an English name.

    «cardigan» stands for two, a dog and a garment; most names stand for none.
    """
    return _classes().get(_plain(name), frozenset())


class Interpretability:
    """Whether a classifier sees in pictures what they show.

    Where every category is a class of ImageNet, that is what they show. Otherwise nobody knows, and what the classifier
    sees in the truth takes its place: the score is then agreement.

    Args:
        classify: The classifier.
        categories: Of all pictures to score, as the data names them.

    Attributes:
        labelled: Whether categories are classes.
    """

    def __init__(self, classify: Classify, categories: Collection[str]) -> None:
        self._classify = classify
        self._classes = {name: classes_of(name) for name in categories}
        self.labelled = bool(self._classes) and all(self._classes.values())

    def score(self, outputs: Mapping[str, Tensor], target: Tensor, category: str) -> dict[str, float]:
        """100 for each picture in which the right class is seen, else 0; by name, and of the truth as ``TRUTH``.

        Args:
            outputs: Pictures (3,H,W) in [0, 1] by name.
            target: The truth.
            category: Of the picture.
        """
        seen = self._classify(target)
        right = self._classes[category] if self.labelled else frozenset({seen})
        answers = {name: self._classify(picture) for name, picture in outputs.items()}
        return {name: 100.0 * (answer in right) for name, answer in {**answers, TRUTH: seen}.items()}


@cache
def _classes() -> dict[str, frozenset[int]]:
    from torchvision.models import VGG16_Weights

    numbers = (Path(__file__).parent / "imagenet_wnids.txt").read_text(encoding="ascii").split()
    found: dict[str, frozenset[int]] = {}
    for names in (numbers, VGG16_Weights.IMAGENET1K_V1.meta["categories"]):
        for index, name in enumerate(names):
            found[_plain(name)] = found.get(_plain(name), frozenset()) | {index}
    return found


def _plain(name: str) -> str:
    return name.casefold().replace("_", " ").replace("-", " ").strip()
