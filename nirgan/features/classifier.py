"""Frozen classifiers, by name: what they see in a grey picture, as one vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.features.pretrained import copy_known, require_timm, timm_state, torchvision_state
from nirgan.layers.init import init_kaiming

FeatureNet = Literal["inception-v3", "inception-resnet-v2", "resnet18", "tiny"]
"""The classifiers; ``tiny`` is for tests, and nobody has trained it."""

Colour = tuple[float, float, float]
IMAGENET_MEAN: Colour = (0.485, 0.456, 0.406)
IMAGENET_STD: Colour = (0.229, 0.224, 0.225)
"""Of RGB in [0, 1]: what torchvision's networks take off, and divide by."""


@dataclass(frozen=True)
class _Kind:
    """How a classifier is built and fed.

    Attributes:
        build: Without weights.
        state: Gives its weights; None where there are none.
        side: Of the square that it looks at, in pixels.
        mean: Of its inputs' channels, in [0, 1].
        std: The same.
        logits: How many.
    """

    build: Callable[[], nn.Module]
    state: Callable[[], dict[str, Tensor]] | None
    side: int
    mean: Colour
    std: Colour
    logits: int = 1000


class FrozenClassifier(nn.Module):
    """Logits (not softmax) of a classifier for grey pictures, copied to three channels.

    It stays in eval mode and never gets a gradient. Its convolutions start from He's numbers: without statistics from
    training its batch norms change nothing, and signals must neither vanish nor explode in a hundred layers.

    Args:
        name: Of the classifier.

    Attributes:
        logits: How many.

    Shape: grey sRGB levels (B,1,H,W) in [0, 1] of any size to (B, logits).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: FeatureNet) -> None:
        super().__init__()
        self.name, self._kind = name, _KINDS[name]
        self.logits = self._kind.logits
        self.network = self._kind.build()
        init_kaiming(self.network)
        for which in ("mean", "std"):
            values = torch.tensor(getattr(self._kind, which)).view(1, 3, 1, 1)
            self.register_buffer(which, values, persistent=False)
        self.requires_grad_(False)
        self.eval()

    def load_pretrained(self) -> None:
        """Take the published weights.

        Raises:
            NirganError: if they are not on this machine or do not fit, or nobody has published any.
        """
        if self._kind.state is None:
            raise NirganError(f"features={self.name} has no pretrained weights: give --set features.pretrained=false")
        copy_known(self.network, self._kind.state(), self.name)

    @torch.no_grad()
    def forward(self, grey: Tensor) -> Tensor:
        """Logits of pictures, each squeezed into the square that the classifier looks at."""
        side = self._kind.side
        square = F.interpolate(grey, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
        return self.network((square - self.mean) / self.std)

    def train(self, mode: bool = True) -> Self:
        """Stay in eval mode, whatever the rest of a recipe does."""
        return super().train(False)


def _torchvision(name: str, **options: object) -> nn.Module:
    from torchvision.models import get_model

    return get_model(name, weights=None, **options)


def _inception_v3() -> nn.Module:
    # Without the second head, which only training needs, and without torchvision's own start, which draws for seconds.
    return _torchvision("inception_v3", aux_logits=False, init_weights=False)


def _inception_resnet_v2() -> nn.Module:
    require_timm()
    import timm

    return timm.create_model("inception_resnet_v2", pretrained=False)


def _tiny() -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((3, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 16))


_HALF: Colour = (0.5, 0.5, 0.5)
_KINDS: dict[FeatureNet, _Kind] = {
    # torchvision's own transform takes ImageNet's mean off, and its network puts it back to get to [-1, 1].
    "inception-v3": _Kind(
        _inception_v3, partial(torchvision_state, "Inception_V3_Weights.IMAGENET1K_V1"), 299, _HALF, _HALF
    ),
    # The authors' network; they have 1001 logits, of which timm leaves out the first («background»).
    "inception-resnet-v2": _Kind(
        _inception_resnet_v2, partial(timm_state, "inception_resnet_v2.tf_in1k"), 299, _HALF, _HALF
    ),
    "resnet18": _Kind(
        partial(_torchvision, "resnet18"),
        partial(torchvision_state, "ResNet18_Weights.IMAGENET1K_V1"),
        224,
        IMAGENET_MEAN,
        IMAGENET_STD,
    ),
    "tiny": _Kind(_tiny, None, 32, _HALF, _HALF, logits=16),
}
