"""Cross-entropy with soft targets that are zero but for a few classes."""

from __future__ import annotations

from torch import Tensor

from nirgan.losses.masked_mean import masked_mean
from nirgan.registry import LOSSES


@LOSSES.register("soft-cross-entropy", paper="arXiv 1603.08511")
def soft_cross_entropy(
    logits: Tensor, classes: Tensor, shares: Tensor, *, weights: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Mean over points of -Σ shares · log softmax(logits), each point weighed.

    Its least value is not 0 but the mean weighed entropy of the shares.

    Args:
        logits: (B,Q,h,w).
        classes: Numbers (B,k,h,w) int64 of the classes that have a share in the target.
        shares: Theirs (B,k,h,w), which sum to one at each point; all other classes have none.
        weights: Of each point (B,h,w); None is one everywhere.
        mask: True (B,h,w), or (B,1,1) for whole pictures, for points that count; None lets all count.

    Returns:
        float32 scalar in nats: the sum over the points that count by their number, not by their weights; 0, with a
        gradient of 0, where none does.
    """
    logits = logits.float()
    loss = logits.logsumexp(dim=1) - (shares * logits.gather(1, classes)).sum(dim=1)
    if weights is not None:
        loss = loss * weights
    return masked_mean(loss, mask)
