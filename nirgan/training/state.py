"""What a recipe holds besides its parameters, on one process or many, and how it is shown, saved and put back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from nirgan.errors import NirganError
from nirgan.layers.keyed_vectors import KeyedVectors
from nirgan.models.recipe import Recipe
from nirgan.training.ema import Ema
from nirgan.training.runtime import Runtime


@contextmanager
def shown(recipe: Recipe, ema: Ema | None, runtime: Runtime) -> Iterator[None]:
    """Let a recipe be what is saved and validated: averaged weights, buffers averaged over processes, eval mode.

    Training state, random numbers included, is afterwards bit by bit what it was before; only the mode is left to the
    caller. Every process takes part.
    """
    with runtime.prediction():
        # Storage is exchanged, not overwritten: whoever holds the training state keeps what is in it.
        buffers = [b for b in recipe.buffers() if b.is_floating_point()] if runtime.world > 1 else []
        others = [runtime.average_(buffer.clone()) for buffer in buffers]
        _exchange(buffers, others)
        if ema is not None:
            ema.swap()
        recipe.eval()
        try:
            yield
        finally:
            if ema is not None:
                ema.swap()
            _exchange(buffers, others)


def _exchange(tensors: list[Tensor], others: list[Tensor]) -> None:
    for tensor, other in zip(tensors, others, strict=True):
        tensor.data, other.data = other.data, tensor.data


def process_state(recipe: Recipe) -> dict[str, Any]:
    """State that may differ between processes, on the CPU: pools, batch statistics.

    That is everything but parameters, and vectors that are computed once for all.
    """
    alike = {name for name, _ in recipe.named_parameters()}
    alike |= {f"{path}._extra_state" for path, module in recipe.named_modules() if isinstance(module, KeyedVectors)}
    return {name: _cpu(value) for name, value in recipe.state_dict().items() if name not in alike}


def load_recipe_state(recipe: Recipe, state: Mapping[str, Any]) -> None:
    """Load a recipe's state; buffers whose size only ``prepare`` knows take the stored size.

    Raises:
        NirganError: if it is that of other networks.
    """
    for name, buffer in list(recipe.named_buffers()):
        value = state.get(name)
        if isinstance(value, Tensor) and value.shape != buffer.shape:
            owner, _, leaf = name.rpartition(".")
            setattr(recipe.get_submodule(owner), leaf, buffer.new_empty(value.shape, dtype=value.dtype))
    try:
        recipe.load_state_dict(dict(state))
    except RuntimeError as error:  # torch's, with a line for each name
        words = " ".join(str(error).split("\n\t", 2)[-1].split())
        raise NirganError(
            f"the last checkpoint is of other networks than this run's {type(recipe).__name__} ({words[:200]}); "
            "put the run's own back, or start a new run"
        ) from None


def broken_weights(recipe: Recipe) -> str | None:
    """Name of the first parameter or running statistic with a NaN or an infinity, None if all are finite.

    Asks the device once. Other buffers (masks, priors) may hold what they like.
    """
    named: dict[str, Tensor] = dict(recipe.named_parameters())
    for path, module in recipe.named_modules():
        if isinstance(module, _NormBase):
            named.update({f"{path}.{name}": buffer for name, buffer in module.named_buffers() if "running" in name})
    if not named:
        return None
    norms = torch.stack([norm.float() for norm in torch._foreach_norm([p.detach() for p in named.values()])])
    good = torch.isfinite(norms).tolist()
    return next((name for name, finite in zip(named, good, strict=True) if not finite), None)


def _cpu(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, Mapping):
        return {key: _cpu(item) for key, item in value.items()}
    return [_cpu(item) for item in value] if isinstance(value, list | tuple) else value
