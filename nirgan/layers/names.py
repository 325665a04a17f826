"""Names as a tensor, because buffers, weights and extra state hold nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_END = "\0"
"""Ends each name; neither files nor folders can have it in theirs."""


def pack_names(names: Sequence[str]) -> Tensor:
    """Names, none of which contains a zero byte, as UTF-8: (bytes,) uint8."""
    text = "".join(name + _END for name in names)
    return torch.tensor(list(text.encode(errors="surrogateescape")), dtype=torch.uint8)


def unpack_names(packed: Tensor) -> list[str]:
    """The names of ``pack_names``; an empty tensor holds none."""
    text = bytes(packed.tolist()).decode(errors="surrogateescape")
    return text.split(_END)[:-1]
