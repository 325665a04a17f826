"""What baselines share that colour a grey picture without any network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from nirgan.color.gamut import keep_lightness
from nirgan.errors import NirganError
from nirgan.models.recipe import At, Recipe, Task, Views

_ONCE: Mapping[str, Any] = {"steps": 1}
"""A run has a limit, though these have no steps to count."""


class Untrained(Recipe):
    """Base of recipes for ``gray2rgb`` that have no stages: what they know of the training pictures is prepared.

    Raw output is Lab's a and b at the picture's own size; its lightness is kept.

    Args:
        task: ``gray2rgb``.
        source_channels: One.
        crop: Of no consequence.
    """

    tasks: ClassVar[tuple[Task, ...]] = ("gray2rgb",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": _ONCE,
        "small": _ONCE,
        "tiny": {**_ONCE, "crop": 32, "batch_size": 2},
    }
    translates_with = ()

    def __init__(self, *, task: Task, source_channels: int, crop: int) -> None:
        super().__init__()
        self.networks = nn.ModuleDict()

    def forward(self, batch: Mapping[str, Any], at: At) -> Views:
        """There is no step that could ask for it."""
        raise NirganError(f"{type(self).__name__} is prepared, not trained")

    def compose(self, source: Tensor, raw: Tensor) -> Tensor:
        """RGB of the source's own lightness; colours are kept within sRGB."""
        return keep_lightness(source, raw)
