"""Several networks of one kind whose answers are averaged, taught each by its own share of every batch."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.generators.context_net import ContextNet


class Committee(nn.Module):
    """Networks that differ in their start and in what they were shown: where they disagree, the mean is calmer.

    While training, each gets its part of the batch, so that a step costs what it costs for one of them; otherwise all
    get all, and the answer is the mean of theirs. A mean of curves, coefficients or colours is that of the pictures.

    Args:
        make: Builds one of them, each time with another start.
        members: How many, at least one.

    Shape: as of ``ContextNet``; while training, batches of at least ``members`` samples.
    """

    def __init__(self, make: Callable[[], ContextNet], members: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(make() for _ in range(members))

    def forward(self, source: Tensor) -> tuple[Tensor, list[Tensor]]:
        """As ``ContextNet.forward``; the features are the first one's where all get all.

        Args:
            source: (B, in_channels, H, W) in [-1, 1].

        Raises:
            NirganError: for a training batch with fewer samples than members.
        """
        count = len(self.members)
        if not self.training:
            drawn, features = zip(*(member(source) for member in self.members), strict=True)
            return torch.stack(drawn).mean(dim=0), features[0]
        if len(source) < count:
            raise NirganError(
                f"{count} members cannot share a batch of {len(source)}: give --batch-size {count} or more, or "
                "options.members less"
            )
        shares = zip(self.members, source.tensor_split(count), strict=True)
        drawn, features = zip(*(member(share) for member, share in shares), strict=True)
        return torch.cat(drawn), [torch.cat(parts) for parts in zip(*features, strict=True)]

    @property
    def first(self) -> ContextNet:
        """One of them, which says for all how far they look and how what they draw is applied."""
        first = self.members[0]
        assert isinstance(first, ContextNet)
        return first
