"""The control: a network of the same shape that has learned nothing."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from nirgan.models import create_model
from nirgan.models.recipe import Recipe
from nirgan.models.weights import WeightsInfo


def untrained_twin(recipe: Recipe, info: WeightsInfo, seed: int) -> Recipe:
    """The recipe with networks as its constructor draws them, in eval mode; what was prepared (priors) stays.

    Args:
        recipe: As ``load_recipe`` gives it.
        info: Of its weights.
        seed: Of the draw.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = create_model(info.model, **recipe.built_with)
    twin = copy.deepcopy(recipe)
    for name, network in twin.networks.items():
        state = network.state_dict()
        # Layers whose size only the training data tells cannot be drawn here, and stay.
        drawn = {
            key: value
            for key, value in fresh.networks[name].state_dict().items()
            if isinstance(value, Tensor) and isinstance(state.get(key), Tensor) and value.shape == state[key].shape
        }
        network.load_state_dict(drawn, strict=False)
    return twin.eval()
