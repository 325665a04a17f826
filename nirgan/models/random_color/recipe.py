"""Random colour, a baseline of Colorful Image Colorization (Zhang, Isola, Efros; ECCV 2016)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.data.sample import Sample
from nirgan.models.keeps_lightness import true_ab
from nirgan.models.options import Size
from nirgan.models.recipe import Condition, Task
from nirgan.models.untrained import Untrained
from nirgan.registry import MODELS

PAPER = "arXiv 1603.08511"


@MODELS.register("random-color", paper=PAPER)
class RandomColor(Untrained):
    """The colours of a training picture, chosen by chance and stretched over whatever is to be coloured.

    Which one follows from the source, so that equal pictures get equal colours.

    Args:
        task: ``gray2rgb``.
        source_channels: One.
        crop: Of no consequence.
        pictures: How many training pictures' colours are kept, at most. They travel in the weights.
        side: Height and width at which they are kept.
    """

    paper = PAPER
    conditions: tuple[Condition, ...] = (
        Condition("noise_seed", int, None, "Go on by so many of the pictures that are kept: each gives other colours."),
    )
    whole_picture = True

    bank: Tensor

    def __init__(self, *, task: Task, source_channels: int, crop: int, pictures: Size = 64, side: Size = 64) -> None:
        super().__init__(task=task, source_channels=source_channels, crop=crop)
        self._pictures, self._side = pictures, side
        self.register_buffer("bank", torch.empty(0, 2, side, side))

    def prepare(self, samples: Iterable[Sample]) -> None:
        """Keep the colours of so many pictures, each with the same chance, in one pass over them."""
        draw = torch.Generator().manual_seed(0)  # the same data always give the same bank
        kept: list[Tensor] = []
        for number, sample in enumerate(samples):
            if number < self._pictures:
                kept.append(self._colours_of(sample))
            elif (slot := int(torch.randint(number + 1, (), generator=draw))) < self._pictures:
                kept[slot] = self._colours_of(sample)
        self.bank = torch.stack(kept)

    def _colours_of(self, sample: Sample) -> Tensor:
        assert sample.target is not None  # it is what the source was made from
        target = sample.target[None].float()
        small = F.interpolate(target, size=(self._side, self._side), mode="bilinear", antialias=True)
        return true_ab({"target": small})[0]

    def predict(self, source: Tensor, conditions: Mapping[str, Any]) -> Tensor:
        """Lab's a and b (B,2,H,W) of one of the pictures kept, for each source its own."""
        seed = conditions.get("noise_seed") or 0
        chosen = [(_fingerprint(picture) + seed) % len(self.bank) for picture in source]
        return F.interpolate(self.bank[chosen], size=source.shape[-2:], mode="bilinear", align_corners=False)


def _fingerprint(picture: Tensor) -> int:
    """A number that follows from a picture's 8-bit levels, alike on every device and in every process."""
    return zlib.crc32((255 * picture.float()).round().byte().cpu().numpy().tobytes())
