"""How well discriminators tell real from generated pictures, whatever their criterion."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from nirgan.models.recipe import Views

_REAL, _FAKE = "logits_real", "logits_fake"


@torch.no_grad()
def separations(views: Views) -> dict[str, Tensor]:
    """Separation of each pair ``logits_real<suffix>``, ``logits_fake<suffix>`` in a phase's own views.

    Only of discriminators that the phase trains: in a generator's phase (relativistic losses look at real pictures
    there, too) real logits carry no gradient. Several scales count alike. Nothing here waits for the device.

    Args:
        views: Those that ``phase_views`` made: tensors of any shape, or lists of them, one per scale.

    Returns:
        Scalar, 0.5 for chance and 1 for perfect, by ``separation<suffix>``.
    """
    found = {}
    for name, real in views.items():
        suffix = name.removeprefix(_REAL)
        fake = views.get(_FAKE + suffix)
        if suffix == name or fake is None:
            continue
        pairs = list(zip(_scales(real), _scales(fake), strict=False))
        if any(judged.requires_grad for judged, _ in pairs):
            found[f"separation{suffix}"] = torch.stack([separation(*pair) for pair in pairs]).mean()
    return found


def separation(real: Tensor, fake: Tensor) -> Tensor:
    """Share of logits on the right side of the midpoint between the two means; ties count half.

    Both kinds weigh the same. Equal distributions give 0.5, whatever the logits' offset and scale.
    """
    real, fake = real.detach().float(), fake.detach().float()
    middle = torch.lerp(real.mean(), fake.mean(), 0.5)
    return 0.5 + 0.25 * ((real - middle).sign().mean() - (fake - middle).sign().mean())


def _scales(logits: Any) -> list[Tensor]:
    """Maps of logits; none if it is something else that a recipe calls so, which is no reason to stop a run."""
    maps = [logits] if isinstance(logits, Tensor) else list(logits) if isinstance(logits, list | tuple) else []
    return maps if all(isinstance(each, Tensor) for each in maps) else []
