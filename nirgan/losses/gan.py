"""Adversarial losses: a criterion scores logits against a label, and two functions make G's and D's loss of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from nirgan.registry import LOSSES

Criterion = Callable[[Tensor, bool], Tensor]
"""From one map of logits and the label (real or not) to a scalar."""
Logits = Tensor | Sequence[Tensor]
"""What a discriminator returns: one map, or one per scale."""


@LOSSES.register("gan-lsgan", paper="arXiv 1611.04076")
def least_squares(logits: Tensor, real: bool) -> Tensor:
    """Mean squared distance of logits (any shape) to 1 (real) or 0."""
    return (logits.float() - float(real)).square().mean()


@LOSSES.register("gan-bce", paper="arXiv 1406.2661")
def cross_entropy(logits: Tensor, real: bool) -> Tensor:
    """Mean binary cross-entropy of sigmoid(logits) (any shape) with 1 (real) or 0."""
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))


def gan_criterion(name: str) -> Criterion:
    """The criterion registered as ``gan-<name>``."""
    return LOSSES.get(f"gan-{name}").build


def judged_as(logits: Logits, real: bool, criterion: Criterion, *, scales: Literal["mean", "sum"] = "mean") -> Tensor:
    """The criterion over all scales; with ``real=True`` on generated pictures it is the generator's loss."""
    maps = [logits] if isinstance(logits, Tensor) else logits
    values = torch.stack([criterion(each, real) for each in maps])
    return values.mean() if scales == "mean" else values.sum()


def discriminator_loss(real: Logits, fake: Logits, criterion: Criterion) -> Tensor:
    """Half of the losses on real and on generated pictures: ½ [c(D(y), 1) + c(D(G(x)), 0)], mean over the scales."""
    return (judged_as(real, True, criterion) + judged_as(fake, False, criterion)) / 2
