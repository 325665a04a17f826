"""A store of generated pictures for the discriminator."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Keeps generated pictures, so that a discriminator also sees older ones (Shrivastava et al. 2017; CycleGAN).

    The first ``size`` pictures are stored and handed through. After that each picture is, with probability one half,
    exchanged for a stored one. Nothing waits for the device: which slots are used is drawn there, and no two pictures
    of one batch use the same slot (the reference, which goes picture by picture, may by chance).

    The pictures travel in ``state_dict`` as extra state, not as a buffer: buffers are averaged over processes.

    Args:
        size: Pictures kept; 0 hands everything through.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self._stored: Tensor | None = None

    @torch.no_grad()
    def draw(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Exchange some pictures (B,C,H,W) for stored ones; the result carries no gradient.

        Args:
            images: All of one shape, call after call.
            generator: On the pictures' device.
        """
        images = images.detach()
        if self.size == 0:
            return images
        kept = 0 if self._stored is None else len(self._stored)
        first, rest = images[: self.size - kept], images[self.size - kept :]
        self._store(first)
        # A batch larger than the pool goes through it in parts.
        return torch.cat([first, *(self._exchange(part, generator) for part in rest.split(self.size) if len(part))])

    def _store(self, images: Tensor) -> None:
        if self._stored is None:
            self._stored = images.clone()
        else:
            self._stored = torch.cat([self._stored.to(images), images]) if len(images) else self._stored.to(images)

    def _exchange(self, images: Tensor, generator: torch.Generator) -> Tensor:
        assert self._stored is not None
        count, device = len(images), images.device
        slots = torch.randperm(self.size, generator=generator, device=device)[:count]
        swapped = (torch.rand(count, generator=generator, device=device) < 0.5).view(-1, 1, 1, 1)
        old = self._stored[slots]
        self._stored[slots] = torch.where(swapped, images, old)
        return torch.where(swapped, old, images)

    def get_extra_state(self) -> dict[str, Tensor]:
        """The stored pictures; none at all before the first draw."""
        return {} if self._stored is None else {"images": self._stored.clone()}

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        """Put ``get_extra_state`` back."""
        self._stored = state["images"].clone() if "images" in state else None
