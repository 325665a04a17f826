"""Vectors that were computed once, by the key of their sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from nirgan.layers.names import pack_names, unpack_names


class KeyedVectors(nn.Module):
    """Keeps a vector for each key, in half precision on the CPU.

    They travel in ``state_dict`` as extra state, so that a run that goes on has them; weights do not need them.
    They are computed on one process, and the same on all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, int] = {}
        self._vectors = torch.empty(0, 0, dtype=torch.float16)

    def keep(self, keys: Sequence[str], vectors: Tensor) -> None:
        """Keep these (N, channels), one for each key, in place of what was kept before."""
        self._rows = {key: row for row, key in enumerate(keys)}
        self._vectors = vectors.detach().to("cpu", torch.float16)

    def find(self, keys: Sequence[str]) -> Tensor | None:
        """The keys' vectors (len(keys), channels) in float32, on the CPU; None if one of them has none."""
        if not all(key in self._rows for key in keys):
            return None
        return self._vectors[[self._rows[key] for key in keys]].float()

    def get_extra_state(self) -> dict[str, Tensor]:
        """All keys and vectors."""
        return {"keys": pack_names(list(self._rows)), "vectors": self._vectors.clone()}

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        """Put ``get_extra_state`` back."""
        self.keep(unpack_names(state["keys"]), state["vectors"])
