"""Less certain labels for a discriminator."""

from __future__ import annotations

from torch import Tensor

from nirgan.losses.gan import Criterion


def smoothed(criterion: Criterion, label: float) -> Criterion:
    """One-sided label smoothing (Salimans et al. 2016): what is real counts as generated, too, to 1 - ``label``.

    That is cross-entropy with ``label`` in place of 1; of least squares it has the gradient.
    """

    def score(logits: Tensor, real: bool) -> Tensor:
        if not real:
            return criterion(logits, False)
        return label * criterion(logits, True) + (1 - label) * criterion(logits, False)

    return score
