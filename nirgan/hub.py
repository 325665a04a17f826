"""Weights of published networks, where torchvision keeps them; nothing is downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch


def hub_path(file: str) -> Path:
    """Where torchvision looks for a weights file before it would download it (set by ``TORCH_HOME``)."""
    return Path(torch.hub.get_dir()) / "checkpoints" / file


def hub_missing(file: str, network: str, weights: str) -> str | None:
    """Why a network's weights cannot be used here and what to do, or None if they can.

    Args:
        file: As torchvision names it; the name ends in the first digits of the file's SHA-256.
        network: For people: ``AlexNet``.
        weights: torchvision's name of them: ``IMAGENET1K_V1``.
    """
    path = hub_path(file)
    if not path.is_file():
        return (
            f"{network}'s weights are not on this machine: put {file} (torchvision's {network}, {weights}) "
            f"into {path.parent}"
        )
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if not digest.startswith(path.stem.rpartition("-")[2]):
        return f"{path} is not the file its name promises (SHA-256 begins {digest[:8]}): copy it again"
    return None
