"""Names as a tensor, because buffers, weights and extra state hold nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_END = "\0"
"""Ends each name; neither files nor folders can have it in theirs."""


def pack_names(names: Sequence[str]) -> Tensor:
    """Names, none of which contains a zero byte, as UTF-8: (bytes,) uint8."""
    text = "".join(name + _END for name in names)
    return torch.from_numpy(np.frombuffer(text.encode(errors="surrogateescape"), np.uint8).copy())


def unpack_names(packed: Tensor) -> list[str]:
    """The names of ``pack_names``; an empty tensor holds none."""
    text = packed.cpu().numpy().tobytes().decode(errors="surrogateescape")
    return text.split(_END)[:-1]
