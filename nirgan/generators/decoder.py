"""The last step of decoders: from a code to a picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nirgan.layers.affine import Head, coefficient_count, local_affine


class Decoder(nn.Module):
    """A chain of layers from a code to a picture in [-1, 1].

    Args:
        body: From the code to ``drawn_channels``.

    Shape: code (B, C, h, w) to (B, out_channels, H, W). With a guide (B, 1, H, W) the body draws an offset and a gain
    for each of its pixels, as of ``local_affine``.
    """

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, code: Tensor, guide: Tensor | None = None) -> Tensor:
        """Draw the picture of a code, upon a guide if there is one."""
        drawn = self.body(code)
        return torch.tanh(drawn if guide is None else local_affine(drawn, guide, start=1.0))


def drawn_channels(out_channels: int, head: Head) -> int:
    """Channels that a decoder's body draws; the guide of ``affine`` has one channel."""
    return out_channels if head == "direct" else coefficient_count(1, out_channels)
