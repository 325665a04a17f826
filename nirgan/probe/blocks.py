"""The blocks of a recipe's networks, and what comes out of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.models.recipe import Recipe

NUMBERS = 9216
"""About as many numbers does each probe see, whatever the size of a block's features: 10×10 cells of 96 channels, 6×6
of 256, 5×5 of 384, as in Zhang, Isola and Efros (2016)."""
_FEWEST = 4
"""A network that does not come apart into as many parts is one block."""

Blocks = dict[str, nn.Module]
"""By path below ``recipe.networks``: the module whose output are the block's features."""


@dataclass(frozen=True)
class _Block:
    """A part of a network: its path, the module that learns, and the last of those that belong to it."""

    path: str
    core: nn.Module
    last: nn.Module


def find_blocks(recipe: Recipe) -> Blocks:
    """The blocks of every network that the recipe translates with, in the order of their definition.

    A network's children are its blocks; one that has few is opened level by level until there are four. In a sequence
    a block begins with each child that has convolutions, and what follows (norm, activation, pool) belongs to it.

    Raises:
        NirganError: if nothing translates that has convolutions.
    """
    paths = [path for path in recipe.translates_with if path.partition(".")[0] in recipe.networks]
    networks = [_Block(path, recipe.network(path), recipe.network(path)) for path in paths]
    blocks = [block for network in networks if _learns(network.core) for block in _parts(network)]
    if not blocks:
        raise NirganError(f"{type(recipe).__name__} has no network with features to probe")
    return {block.path: block.last for block in blocks}


def named_blocks(recipe: Recipe, paths: Sequence[str]) -> Blocks:
    """The modules at these paths, in their order.

    Raises:
        NirganError: if there is none at one of them; the nearest path is named.
    """
    return {path: recipe.network(path) for path in paths}


@contextmanager
def watched(blocks: Mapping[str, nn.Module]) -> Iterator[dict[str, Tensor]]:
    """Within the context, what blocks gave when they ran last, pooled: (B,C,cells) by name.

    Blocks that did not run, or gave no maps (B,C,H,W) or vectors (B,C), are missing.
    """
    seen: dict[str, Tensor] = {}

    def keeper(name: str) -> Any:
        def keep(module: nn.Module, inputs: Any, output: Any) -> None:
            features = output[0] if isinstance(output, tuple | list) and output else output
            if isinstance(features, Tensor) and features.ndim in (2, 4):
                seen[name] = pooled(features)  # at once: a later layer may work in place

        return keep

    handles = [module.register_forward_hook(keeper(name)) for name, module in blocks.items()]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def pooled(features: Tensor) -> Tensor:
    """Means of features (B,C,H,W) or (B,C) over so many cells that there are about ``NUMBERS``: (B,C,cells) float32."""
    maps = features.float().reshape(*features.shape, *([1] * (4 - features.ndim)))
    side = max(1, round(math.sqrt(NUMBERS / maps.shape[1])))
    return F.adaptive_avg_pool2d(maps, (min(side, maps.shape[2]), min(side, maps.shape[3]))).flatten(2)


def _parts(network: _Block) -> list[_Block]:
    blocks = [network]
    while len(blocks) < _FEWEST:
        opened = [part for block in blocks for part in _opened(block)]
        if opened == blocks:
            return [network]
        blocks = opened
    return blocks


def _opened(block: _Block) -> list[_Block]:
    """The parts of a block, one level deeper; itself if it has none that learn."""
    children = [(f"{block.path}.{name}", child) for name, child in block.core.named_children()]
    if not any(_learns(child) for _, child in children):
        return [block]
    blocks: list[_Block] = []
    for name, child in children:
        if _learns(child):
            part = _Block(name, child, child)
            blocks += [part] if _runs(child) else _opened(part)  # lists run nothing themselves: their items do
        elif blocks and isinstance(block.core, nn.Sequential):
            blocks[-1] = _Block(blocks[-1].path, blocks[-1].core, child)
    return blocks


def _learns(module: nn.Module) -> bool:
    return any(isinstance(part, nn.modules.conv._ConvNd | nn.Linear) for part in module.modules())


def _runs(module: nn.Module) -> bool:
    return type(module).forward is not nn.Module.forward
