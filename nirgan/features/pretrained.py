"""Weights that others published, from where torchvision and timm keep them; nothing is downloaded to train."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nirgan.errors import NirganError
from nirgan.hub import hub_missing, hub_path

WITHOUT = "or go on without, from random numbers: --set features.pretrained=false"


def torchvision_state(name: str) -> dict[str, Tensor]:
    """Weights that torchvision publishes.

    Args:
        name: As torchvision calls them: ``VGG16_Weights.IMAGENET1K_V1``.

    Raises:
        NirganError: if their file is not on this machine or is damaged; it says where the file comes from, where it is
            looked for, and how to go on without.
    """
    from torchvision.models import get_weight

    network, _, version = name.partition("_Weights.")
    url = str(get_weight(name).url)
    file = url.rpartition("/")[2]
    if reason := hub_missing(file, network, version):
        raise NirganError(f"{reason}, from {url}, {WITHOUT}")
    return torch.load(hub_path(file), map_location="cpu", weights_only=True)


def timm_state(model: str) -> dict[str, Tensor]:
    """Weights that timm publishes.

    Args:
        model: Name with its tag: ``inception_resnet_v2.tf_in1k``.

    Raises:
        NirganError: if timm or the file is not on this machine; with what to do.
    """
    require_timm()
    from huggingface_hub import try_to_load_from_cache
    from safetensors.torch import load_file

    path = try_to_load_from_cache(f"timm/{model}", "model.safetensors")
    if not isinstance(path, str):  # None, or a mark that there is no such file
        raise NirganError(
            f"{model}'s weights are not on this machine: fetch them from huggingface.co/timm/{model} with "
            f"`python -c \"import timm; timm.create_model('{model}', pretrained=True)\"`, {WITHOUT}"
        )
    return load_file(path)


def require_timm() -> None:
    """Raise NirganError with the line that installs timm where it is missing."""
    try:
        import timm  # noqa: F401
    except ImportError:
        raise NirganError("this network is timm's, which is not installed: pip install 'nirgan[timm]'") from None


def copy_known(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Fill a network, ``name`` to people, from published weights, which may hold more than it has (heads, classifiers).

    Raises:
        NirganError: if something that the network has is missing or of another shape: the file is not the network's.
    """
    own = network.state_dict()
    # Old files do not count batches; torch then leaves the count as it is.
    needed = {key: value.shape for key, value in own.items() if not key.endswith("num_batches_tracked")}
    if wrong := [key for key, shape in needed.items() if key not in state or state[key].shape != shape]:
        raise NirganError(
            f"the file found for {name} is of another network or version: {len(wrong)} of {len(needed)} tensors are "
            f"missing or of another shape (first: {wrong[0]}): fetch it again, {WITHOUT}"
        )
    network.load_state_dict({key: value for key, value in state.items() if key in own})
