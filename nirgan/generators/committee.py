"""Several networks whose answers are averaged, taught each by its own share of every batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.generators.context_net import ContextNet
from nirgan.generators.unet import UNet
from nirgan.layers.upsample import enlarged

Member = ContextNet | UNet


class Committee(nn.Module):
    """Networks that differ in kind, in their start, in what they were shown: where they disagree, the mean is calmer.

    While training, each gets its part of the batch, so that a step costs what it costs for one of them; otherwise all
    get all, and the answer is the mean of theirs.

    Args:
        context_nets: Alike but for their start.
        unets: Alike, too, of the same stride, with ``head=affine`` and no activation: a mean of what they draw is then
            that of their pictures, as it is for context nets. Of both together at least one member.

    Shape: (B, in_channels, H, W), H and W multiples of ``stride``, to (B, out_channels, H, W); while training, batches
    of at least as many samples as members.
    """

    def __init__(self, context_nets: Sequence[ContextNet], unets: Sequence[UNet] = ()) -> None:
        super().__init__()
        self.members = nn.ModuleList([*context_nets, *unets])
        firsts = [kind[0] for kind in self._kinds()]
        self.stride = max(first.stride for first in firsts)
        self.radius = max(first.radius for first in firsts)
        """Pixels from a point beyond which the source does not change what is drawn there."""

    def forward(self, source: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The output for a source in [-1, 1], not bounded, and the features that it was drawn from.

        Returns:
            (B, out_channels, H, W), and the features that ``ContextNet.forward`` tells, of the first where all get all;
            none where there are U-Nets.

        Raises:
            NirganError: for a training batch with fewer samples than members.
        """
        members = [member for kind in self._kinds() for member in kind]
        if self.training and len(source) < len(members):
            raise NirganError(
                f"{len(members)} members cannot share a batch of {len(source)}: give --batch-size {len(members)} or "
                "more, or fewer of options.members or options.unets"
            )
        shares = source.tensor_split(len(members)) if self.training else [source] * len(members)
        drawn, features = zip(*map(_draw, members, shares), strict=True)
        outputs = [member.apply_to(*each) for member, *each in zip(members, shares, drawn, strict=True)]
        if not all(features):  # U-Nets tell none
            features = ([],)
        if not self.training:
            return torch.stack(outputs).mean(dim=0), features[0]
        return torch.cat(outputs), [torch.cat(parts) for parts in zip(*features, strict=True)]

    def draw(self, source: Tensor) -> Tensor:
        """What ``apply_to`` makes the output of, at the source's size: the mean of each kind, side by side."""
        means = [torch.stack([_draw(member, source)[0] for member in kind]).mean(dim=0) for kind in self._kinds()]
        return torch.cat([enlarged(mean, source) for mean in means], dim=1)

    def apply_to(self, source: Tensor, drawn: Tensor) -> Tensor:
        """The output (B, out_channels, H, W) for a source in [-1, 1], not bounded.

        Args:
            source: (B, in_channels, H, W).
            drawn: Of ``draw``, for this source or for a smaller copy of it.
        """
        kinds = self._kinds()
        parts = drawn.split([kind[0].drawn_channels for kind in kinds], dim=1)
        outputs = [len(kind) * kind[0].apply_to(source, part) for kind, part in zip(kinds, parts, strict=True)]
        return torch.stack(outputs).sum(dim=0) / len(self.members)

    def _kinds(self) -> list[list[Member]]:
        """The members, those of one kind together."""
        kinds = ([each for each in self.members if isinstance(each, kind)] for kind in (ContextNet, UNet))
        return [members for members in kinds if members]


def _draw(member: Member, source: Tensor) -> tuple[Tensor, list[Tensor]]:
    return (member.draw(source), []) if isinstance(member, UNet) else member(source)
